package ofd

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// FuzzFromFile holds that no file panics, and that a file which is read agrees
// with a Signature.xml over its parts: each name that is taken from a package
// can be said in XML.
func FuzzFromFile(f *testing.F) {
	f.Fuzz(func(t *testing.T, file []byte) {
		refs, err := fromFile(bytes.NewReader(file), int64(len(file)), limits{parts: 1000, bytes: 8 << 20, directory: 1 << 20, slack: 1 << 20, ratio: 200})
		checkRefs(t, refs, err)
	})
}

// FuzzFromSignature holds that no XML panics, and that what is read from one
// Signature.xml is read from another one over the same parts.
func FuzzFromSignature(f *testing.F) {
	f.Fuzz(func(t *testing.T, signature []byte) {
		refs, err := FromSignature(signature)
		checkRefs(t, refs, err)
	})
}

func checkRefs(t *testing.T, refs Refs, err error) {
	t.Helper()
	if err != nil {
		if len(refs.list) != 0 {
			t.Errorf("%v, and %d refs", err, len(refs.list))
		}
		return
	}
	lines := bytes.SplitAfter(refs.Text(), []byte("\n"))
	if len(lines) != len(refs.list)+1 || !slices.IsSortedFunc(lines[:len(refs.list)], bytes.Compare) {
		t.Errorf("%d refs have the lines %q", len(refs.list), lines)
	}
	var references strings.Builder
	for _, ref := range refs.List() {
		if !covers(ref.Name) {
			t.Errorf("%q is covered", ref.Name)
		}
		references.WriteString(reference(escaped(t, ref.Name), base64.StdEncoding.EncodeToString(ref.SM3[:])))
	}
	if again := referencing(references.String()); len(again) <= maxSignature {
		if d := refs.Compare(mustSignature(t, []byte(again))); !d.Same() {
			t.Errorf("a Signature.xml over the same parts differs: %s", fmt.Sprintf("%+v", d))
		}
	}
}
