package stage

import (
	"context"
	"fmt"
	"os/exec"
)

// Build compiles the programs that New wants into the directory bin, which
// exists. With a build tag they are not those that are shipped; "" is none.
func Build(ctx context.Context, bin, tag string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", tag, "-o", bin, "signet/daemon/cmd/signetd", "signet/daemon/cmd/signetctl")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building signetd and signetctl: %w\n%s", err, out)
	}
	return nil
}
