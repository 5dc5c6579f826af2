package main

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Who is who. The numbers name nobody on the machine. The harness stays root,
// with the groups of an officer and an auditor.
const (
	daemonUID  = 20000
	callerUID  = 20001 // and those behind it
	callerUIDs = 2

	clientsGID = 30001
	adminGID   = 30002
	auditGID   = 30003
)

// as runs f on a thread with other credentials, which the kernel notes at
// connect. The thread is not given back: it ends with the goroutine.
func as(uid int, groups []int, f func()) {
	var wait sync.WaitGroup
	wait.Go(func() {
		runtime.LockOSThread()
		become(uid, groups)
		f()
	})
	wait.Wait()
}

// become uses raw system calls: those of package syscall change all threads.
func become(uid int, groups []int) {
	list := make([]uint32, max(len(groups), 1))
	for i, g := range groups {
		list[i] = uint32(g)
	}
	call := func(nr, a, b, c uintptr) {
		if _, _, errno := unix.RawSyscall(nr, a, b, c); errno != 0 {
			panic(fmt.Sprintf("changing credentials: %v", errno))
		}
	}
	call(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&list[0])), 0)
	call(unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid))
	call(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
}

// takeGroups gives the harness, all its threads, the groups of admin.sock and
// audit.sock.
func takeGroups() error {
	if err := syscall.Setgroups([]int{adminGID, auditGID}); err != nil {
		return fmt.Errorf("taking the groups of an officer: %w", err)
	}
	return nil
}
