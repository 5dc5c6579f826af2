package examples_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm3"
)

// Each client decodes every stream of the vectors, says in its own request
// what the good ones say, refuses what is out of bounds, and has the hashes of
// the standards. That is in its SelfTest.
func TestClientsAgreeWithTheVectors(t *testing.T) {
	forEach(t, func(t *testing.T, run runner) {
		command := run("SelfTest")
		if strings.HasSuffix(command[0], "java") {
			command = append(command, "vectors")
		}
		o := own(t, command, "../testdata/vectors")
		if o.status != 0 || !strings.Contains(o.out, "selftest: ok vectors=") {
			t.Errorf("SelfTest: status %d\n%s%s", o.status, o.out, o.faults)
		}
		if !strings.Contains(o.out, "300 inputs: a request takes 1 to 256") {
			t.Errorf("a request with 300 inputs is not refused in words:\n%s", o.out)
		}
	})
}

// The JDK has no SM3, so the Java client brings its own. Its lengths are those
// where the padding changes.
func TestSM3OfTheJavaClient(t *testing.T) {
	run := languages[1].need(t)
	random := rand.NewChaCha8([32]byte{1})
	dir := t.TempDir()
	var files []string
	var want bytes.Buffer
	for _, length := range []int{0, 1, 3, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 1<<20 + 3} {
		data := make([]byte, length)
		random.Read(data)
		file := filepath.Join(dir, fmt.Sprint(length))
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		sum := sm3.Sum(data)
		fmt.Fprintln(&want, hex.EncodeToString(sum[:]))
		files = append(files, file)
	}
	o := own(t, append(run("SelfTest"), "sm3"), files...)
	if o.status != 0 || o.out != want.String() {
		t.Errorf("SM3 of lengths from 0: status %d\ngot\n%swant\n%s%s", o.status, o.out, want.String(), o.faults)
	}
}
