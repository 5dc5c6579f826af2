package stage

import (
	"fmt"
	"runtime"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// As runs f on a thread that has other credentials and ends with f. Needs
// root. It uses raw system calls, since those of package syscall change every
// thread; what f starts in other goroutines runs as this process again.
func As(uid uint32, groups []uint32, f func()) {
	var wait sync.WaitGroup
	wait.Go(func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		become(uid, groups)
		f()
	})
	wait.Wait()
}

func become(uid uint32, groups []uint32) {
	list := append([]uint32{}, groups...)
	list = append(list, 0) // room for an address when there are no groups
	for _, step := range [][3]uintptr{
		{unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0]))},
		{unix.SYS_SETRESGID, uintptr(uid), uintptr(uid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid)},
	} {
		third := uintptr(uid)
		if step[0] == unix.SYS_SETGROUPS {
			third = 0
		}
		if _, _, errno := unix.RawSyscall(step[0], step[1], step[2], third); errno != 0 {
			panic(fmt.Sprintf("changing credentials to %d: %v", uid, errno))
		}
	}
	runtime.KeepAlive(list)
}
