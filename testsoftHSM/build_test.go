package testsofthsm

import (
	"testing"
	"testing/fstest"
)

// A changed source that hashes as before would leave every test on an old shim.
func TestHashFilesTellsSourcesApart(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	seen := map[string]int{}
	for i, files := range []fstest.MapFS{
		{}, {"a": file("")}, {"b": file("")}, {"a": file("x")}, {"a": file("y")}, {"a": file("x"), "b": file("")}, {"a": file("xb 0\n")},
	} {
		sum, err := hashFiles(files)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := seen[sum]; ok {
			t.Errorf("sources %d and %d hash alike", before, i)
		}
		seen[sum] = i
	}
}
