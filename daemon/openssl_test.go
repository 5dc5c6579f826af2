package daemon

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"signet/protocol/algo"
)

// opensslJudge is the outside judge of an SM2 signature over a file.
type opensslJudge struct {
	testing.TB
	pub  algo.PublicKey
	file []byte
}

func (j opensslJudge) accepts(sig []byte) bool {
	j.Helper()
	dir := j.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			j.Fatal(err)
		}
		return path
	}
	cmd := exec.Command("openssl", "dgst", "-sm3", "-sigopt", "distid:"+algo.SM2ID, "-verify", write("pub.pem", j.pub.PEM()),
		"-signature", write("sig", sig), write("file", j.file))
	out, err := cmd.CombinedOutput()
	if _, ran := err.(*exec.ExitError); err != nil && !ran {
		j.Fatalf("openssl: %v", err)
	}
	return err == nil && string(out) == "Verified OK\n"
}
