package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"signet/testsoftHSM/need"
)

func TestTextForm(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 51, 0, 999, time.FixedZone("CST", 8*3600))
	long := strings.Repeat("印", maxValue)
	for _, tt := range []struct {
		name string
		e    entry
		want string
	}{
		{"plain", entry{at, TokenDown, "token seals is down", []Field{Token("seals"), UID(1001)}},
			"2026-11-22T10:51:00Z warning token-down: token seals is down TOKEN=seals UID=1001\n"},
		{"chinese stays readable", entry{at, Uses, "用印 3 次", []Field{Entry("合同章"), Count(3)}},
			"2026-11-22T10:51:00Z info uses: 用印 3 次 ENTRY=合同章 COUNT=3\n"},
		{"no line of its own", entry{at, Refusals, "x\n2026-11-22T10:51:00Z info started: forged\x1b[2J", nil},
			`2026-11-22T10:51:00Z notice refusals: x\n2026-11-22T10:51:00Z info started: forged\x1b[2J` + "\n"},
		{"no field of its own", entry{at, Refusals, "x", []Field{Entry("a UID=0"), Rule(`"`), Reason("")}},
			`2026-11-22T10:51:00Z notice refusals: x ENTRY="a UID=0" RULE="\"" REASON=""` + "\n"},
		{"broken and bidirectional", entry{at, Refusals, "a\xffb\u202ec\u2028", []Field{Entry("e\x00")}},
			`2026-11-22T10:51:00Z notice refusals: a\xffb\u202ec\u2028 ENTRY="e\x00"` + "\n"},
		{"nil cause", entry{at, StoreFault, "x", []Field{Cause(nil)}},
			`2026-11-22T10:51:00Z error store-fault: x CAUSE=""` + "\n"},
		{"cut between characters", entry{at, StoreFault, long, nil},
			"2026-11-22T10:51:00Z error store-fault: " + long[:4095] + " [cut]\n"},
		{"no message", entry{at, 0, "x", nil},
			"2026-11-22T10:51:00Z error internal-error: x\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.e.line(); got != tt.want {
				t.Errorf("line() =\n%swant\n%s", got, tt.want)
			}
		})
	}
}

func TestFieldsSayTimesInUTC(t *testing.T) {
	got := Since(time.Date(2026, 11, 22, 18, 51, 0, 0, time.FixedZone("CST", 8*3600)))
	if want := (Field{"SINCE", "2026-11-22T10:51:00Z"}); got != want {
		t.Errorf("Since = %v, want %v", got, want)
	}
}

func TestEntriesGoToTheWriterInOrder(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "")
	var out bytes.Buffer
	j := Open(&out)
	for i := range 100 {
		j.Send(Uses, fmt.Sprintf("entry %d", i), Count(uint64(i)))
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 100 {
		t.Fatalf("%d lines, want 100", len(lines))
	}
	for i, line := range lines {
		if want := fmt.Sprintf(" info uses: entry %d COUNT=%d", i, i); !strings.HasSuffix(strings.TrimSpace(line), want) {
			t.Errorf("line %d = %q, want it to end with %q", i, line, want)
		}
	}
	j.Send(Uses, "too late") // no panic, nothing written
	if err := j.Close(); err == nil {
		t.Error("Close after a late Send = nil, want the lost entry counted")
	}
}

// slowWriter stands for a journald that does not read: it takes entries only
// as release is sent.
type slowWriter struct {
	release chan struct{}
	got     []entry
}

func (w *slowWriter) write(e entry) error {
	<-w.release
	w.got = append(w.got, e)
	return nil
}

func TestAStandingJournalBlocksNobodyAndCountsWhatItLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{release: make(chan struct{})}
		j := start(w.write)
		const lost = 7
		j.Send(DaemonStarted, "first")
		synctest.Wait() // the first is in the writer's hands, the queue is empty
		for i := range queueLength + lost {
			j.Send(Uses, "", Count(uint64(i)))
		}
		close(w.release)
		if err := j.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if n := j.Lost(); n != lost {
			t.Errorf("Lost = %d after the count was written, want %d", n, lost)
		}
		if n := len(w.got); n != 1+1+queueLength {
			t.Fatalf("%d entries written, want the first, the count and %d", n, queueLength)
		}
		count := w.got[1]
		if count.message != EntriesDropped || !slices.Equal(count.fields, []Field{Count(lost)}) {
			t.Errorf("after the first entry: %v %v, want entries-dropped COUNT=%d", count.message, count.fields, lost)
		}
		if last := w.got[len(w.got)-1]; !slices.Equal(last.fields, []Field{Count(queueLength - 1)}) {
			t.Errorf("last entry %v, want the last one queued", last.fields)
		}
	})
}

func TestCloseGivesUpAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWriter{release: make(chan struct{})}
		j := start(w.write)
		j.Send(Uses, "1")
		j.Send(Uses, "2")
		synctest.Wait()
		began := time.Now()
		err := j.Close()
		if took := time.Since(began); took != drainDeadline {
			t.Errorf("Close took %v, want %v", took, drainDeadline)
		}
		if err == nil || !strings.Contains(err.Error(), "2 entries not written") {
			t.Errorf("Close = %v, want it to say that 2 entries were not written", err)
		}
		close(w.release) // lets the goroutine end: the bubble waits for it
	})
}

func TestEntriesNobodyTookAreReportedOnceSomebodyDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []entry
		refuse := true
		j := start(func(e entry) error {
			mu.Lock()
			defer mu.Unlock()
			if refuse {
				return errors.New("no journald")
			}
			got = append(got, e)
			return nil
		})
		j.Send(Uses, "1")
		j.Send(Uses, "2")
		synctest.Wait()
		mu.Lock()
		refuse = false
		mu.Unlock()
		j.Send(Uses, "3")
		if err := j.Close(); err != nil {
			t.Error(err)
		}
		if len(got) != 2 || !slices.Equal(got[0].fields, []Field{Count(2)}) || got[1].text != "3" {
			t.Errorf("written: %v, want entries-dropped COUNT=2 and 3", got)
		}
	})
}

func TestCloseSaysWhatWasLost(t *testing.T) {
	j := start(func(entry) error { return errors.New("no journald") })
	j.Send(Uses, "1")
	if err := j.Close(); err == nil || !strings.Contains(err.Error(), "1 entries lost") {
		t.Errorf("Close = %v, want 1 entries lost", err)
	}
	if n := j.Lost(); n != 1 {
		t.Errorf("Lost = %d, want 1", n)
	}
}

// journaldChild runs in a mount namespace of its own, where it lays a socket
// at the path of journald, plays journald itself and prints the datagrams. Its
// standard error is the file that JOURNAL_STREAM names.
func journaldChild() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, ""); err != nil {
		return fmt.Errorf("mounting a private /run: %w", err)
	}
	if err := os.MkdirAll("/run/systemd/journal", 0o755); err != nil {
		return err
	}
	journald, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: "/run/systemd/journal/socket", Net: "unixgram"})
	if err != nil {
		return err
	}
	j := Open(os.Stderr)
	j.Send(TokenDown, "token seals\nis down", Token("seals"), Cause(errors.New("CKR_DEVICE_ERROR\x00")))
	if err := j.Close(); err != nil {
		return err
	}
	got, err := waiting(journald)
	if err != nil {
		return fmt.Errorf("reading as journald: %w", err)
	}
	fmt.Print(got)

	journald.Close() // from here on nobody takes datagrams
	j = Open(os.Stderr)
	j.Send(TokenUp, "journald is gone")
	return j.Close()
}

// waiting returns the datagram that is there. A closed Journal has sent all it
// will, so there is nothing to wait for.
func waiting(c *net.UnixConn) (string, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return "", err
	}
	buf := make([]byte, 64<<10)
	var n int
	var readErr error
	err = raw.Control(func(fd uintptr) {
		n, _, readErr = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT)
	})
	if err != nil || readErr != nil {
		return "", errors.Join(err, readErr)
	}
	return string(buf[:n]), nil
}

// inOwnMounts runs the child as root of a user namespace: any user may.
func inOwnMounts(t *testing.T, stderr *os.File, env ...string) ([]byte, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append([]string{childRole + "=journald"}, env...)...)
	cmd.Stderr = stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.Output()
	var denied syscall.Errno
	if errors.As(err, &denied) && denied == syscall.EPERM {
		need.Skip(t, "root", "user namespaces are not allowed here")
	}
	return out, err
}

func streamFile(t *testing.T) (f *os.File, journalStream string) {
	t.Helper()
	f, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	return f, fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

func TestUnderJournaldEntriesAreDatagramsWithFields(t *testing.T) {
	stderr, stream := streamFile(t)
	out, err := inOwnMounts(t, stderr, "JOURNAL_STREAM="+stream)
	if err != nil {
		t.Fatalf("child: %v: %s", err, out)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	slices.Sort(got)
	want := []string{
		`MESSAGE=token seals\nis down`,
		"MESSAGE_ID=" + TokenDown.ID(),
		"PRIORITY=4",
		`SIGNET_CAUSE=CKR_DEVICE_ERROR\x00`,
		"SIGNET_MESSAGE=token-down",
		"SIGNET_TOKEN=seals",
	}
	if !slices.Equal(got, want) {
		t.Errorf("datagram:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	text, err := os.ReadFile(stderr.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(text), " notice token-up: journald is gone\n") {
		t.Errorf("standard error after journald went: %q, want the entry as text", text)
	}
}

func TestWithoutJournaldOnStandardErrorEntriesAreText(t *testing.T) {
	stderr, _ := streamFile(t)
	_, other := streamFile(t)
	for _, stream := range []string{"", other, "garbage"} {
		out, err := inOwnMounts(t, stderr, "JOURNAL_STREAM="+stream)
		if err == nil || !strings.Contains(string(out), "reading as journald") {
			t.Errorf("JOURNAL_STREAM=%q: child printed %q (%v), want no datagram", stream, out, err)
		}
	}
}
