package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// NewBuilt is New with programs that it compiles. With a build tag they are
// not those that are shipped; "" is none.
func NewBuilt(ctx context.Context, tag string) (*Stage, error) {
	bin, err := os.MkdirTemp("", "signet-bin-")
	if err != nil {
		return nil, fmt.Errorf("making a stage: %w", err)
	}
	defer os.RemoveAll(bin) // New has copied them
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", tag, "-o", bin, "signet/daemon/cmd/signetd", "signet/daemon/cmd/signetctl")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building signetd and signetctl: %w\n%s", err, out)
	}
	return New(bin)
}
