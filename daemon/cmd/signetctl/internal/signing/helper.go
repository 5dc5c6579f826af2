package signing

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"signet/daemon/internal/authority"
)

// maxAnswer bounds what a tool may write, in bytes.
const maxAnswer = 64 << 10

// stray is how long a tool's own children may keep its pipes open after it
// has ended.
const stray = 5 * time.Second

// Helper signs with a tool, such as one for a UKey: it gets the bytes to be
// signed on standard input and answers on standard output with a detached
// GB/T 35275 SignedData (DER, PEM or base64) or with an armored SSHSIG. The
// officer's certificate is not known here, so that the answer's form is all
// that is checked.
func (t Terminal) Helper(ctx context.Context, path string, args []string, message []byte) (authority.Signature, error) {
	answer, err := t.run(ctx, message, path, args...)
	if err != nil {
		return authority.Signature{}, err
	}
	s, err := authority.ReadSignature(answer)
	if err != nil {
		return authority.Signature{}, fmt.Errorf("running %s: its answer: %w", path, err)
	}
	return s, nil
}

// run starts a tool in the foreground of this terminal, so that it can open
// /dev/tty to ask, and returns what it wrote.
func (t Terminal) run(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	var out answer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, t.Stderr
	cmd.WaitDelay = stray
	err := cmd.Run()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if out.over {
		err = errTooMuch // not the broken pipe that it died of
	}
	if err != nil {
		return nil, fmt.Errorf("running %s: %w", name, err)
	}
	return out.taken.Bytes(), nil
}

// An answer takes at most maxAnswer bytes. It does not embed the buffer, whose
// ReadFrom would be copied into past Write.
type answer struct {
	taken bytes.Buffer
	over  bool
}

var errTooMuch = fmt.Errorf("it wrote more than %d bytes: want a signature alone", maxAnswer)

func (a *answer) Write(p []byte) (int, error) {
	if a.taken.Len()+len(p) > maxAnswer {
		a.over = true
		return 0, errTooMuch
	}
	return a.taken.Write(p)
}
