package ofd

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"testing"
)

// fromBytes is FromFile of a file in memory.
func fromBytes(file []byte) (Refs, error) {
	return FromFile(bytes.NewReader(file), int64(len(file)))
}

func mustFile(t testing.TB, file []byte) Refs {
	t.Helper()
	refs, err := fromBytes(file)
	if err != nil {
		t.Fatal(err)
	}
	return refs
}

func mustSignature(t testing.TB, signature []byte) Refs {
	t.Helper()
	refs, err := FromSignature(signature)
	if err != nil {
		t.Fatalf("%v\n%s", err, signature)
	}
	return refs
}

func hexOf(r Refs) string {
	value := r.SM3()
	return hex.EncodeToString(value[:])
}

// sorting has names whose order is another one by name alone, or by UTF-16.
func sorting() []part {
	return []part{
		{"Doc_0/📄.xml", "abc"}, {"Doc_0/～.xml", "abc"}, {"Doc_0/a", "abc"}, {"Doc_0/a A", ""}, {"Doc_0/Document.xml", "abc"},
		{"OFD.xml", "not covered"}, {"Doc_0/Signs/Sign_0/Seal.esl", "not covered"},
	}
}

// The lines and their hash were made by Python's hashlib and sorted().
const (
	sortedText = "/Doc_0/Document.xml Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA=\n" +
		"/Doc_0/a A GrIdg1XPoX+OYRlIMegajyK+yMco/vt0ftA161CCqis=\n" +
		"/Doc_0/a Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA=\n" +
		"/Doc_0/～.xml Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA=\n" +
		"/Doc_0/📄.xml Zsfw9GLu7dnR8tRr3BDk4kFnxIdc8veiKX2gK49LqOA=\n"
	sortedSM3 = "fe649a66705d7e6051b7e730e3fc3f60f2fa03cd3ef81405c7b641b5cf4d8e57"
)

func TestTheDefinitionIsByteExact(t *testing.T) {
	for name, refs := range map[string]Refs{
		"file":      mustFile(t, zipped(t, zip.Deflate, sorting())),
		"signature": mustSignature(t, styles["prefix ofd"].signatureOf(t, sorting())),
	} {
		if got := string(refs.Text()); got != sortedText {
			t.Errorf("%s: Text() = %s, want %s", name, got, sortedText)
		}
		if got := hexOf(refs); got != sortedSM3 {
			t.Errorf("%s: SM3() = %s, want %s", name, got, sortedSM3)
		}
	}
}

func TestFileAndSignatureAgree(t *testing.T) {
	unsigned := mustFile(t, zipped(t, zip.Deflate, document()))
	files := map[string]Refs{
		"stored":          mustFile(t, zipped(t, zip.Store, document())),
		"stamped":         mustFile(t, zipped(t, zip.Deflate, stamped())),
		"in another turn": mustFile(t, zipped(t, zip.Deflate, reversed(stamped()))),
	}
	for name, s := range styles {
		files[name] = mustSignature(t, s.signatureOf(t, document()))
		files[name+", later signature"] = mustSignature(t, s.signatureOf(t, reversed(stamped())))
		files[name+", without OFD.xml"] = mustSignature(t, s.signatureOf(t, document()[1:]))
	}
	for name, refs := range files {
		if refs.SM3() != unsigned.SM3() || !reflect.DeepEqual(refs, unsigned) {
			t.Errorf("%s: differs from the unsigned file: %+v", name, unsigned.Compare(refs))
		}
	}
}

func reversed(parts []part) []part {
	slices.Reverse(parts)
	return parts
}

func TestEveryCoveredByteCounts(t *testing.T) {
	before := mustFile(t, zipped(t, zip.Deflate, stamped()))
	for i, p := range stamped() {
		if p.name == "Doc_0/" {
			continue
		}
		parts := stamped()
		parts[i].content += "x"
		after := mustFile(t, zipped(t, zip.Deflate, parts))
		if same := before.SM3() == after.SM3(); same == covers("/"+p.name) {
			t.Errorf("%s changed: same SM3: %v", p.name, same)
		}
	}
}

func TestOnlyRootAndSignsAreLeftOut(t *testing.T) {
	for name, want := range map[string]bool{
		"/OFD.xml": false, "/Doc_0/Signs/Signatures.xml": false, "/Signs/Signatures.xml": false, "/Doc_0/Signs/Sign_0/Res/x": false,
		"/ofd.xml": true, "/Doc_0/OFD.xml": true, "/OFD.xml/x": true, "/Doc_0/Signs": true, "/Signs": true, "/Doc_0/signs/x": true,
		"/Doc_0/Signs_0/x": true, "/Doc_0/MySigns/x": true, "/Doc_0/Document.xml": true,
	} {
		if got := covers(name); got != want {
			t.Errorf("covers(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestCompareSaysWhatDiffers(t *testing.T) {
	of := func(parts ...part) Refs {
		return mustFile(t, zipped(t, zip.Store, append(parts, part{"OFD.xml", ""})))
	}
	first := of(part{"z", "1"}, part{"a", "1"}, part{"b", "1"}, part{"same", "1"}, part{"y", "1"})
	second := of(part{"y", "2"}, part{"same", "1"}, part{"c", "1"}, part{"b", "2"}, part{"Signs/c", "1"}, part{"B2", "1"})
	want := Difference{Here: []string{"/a", "/z"}, There: []string{"/B2", "/c"}, Changed: []string{"/b", "/y"}}
	if got := first.Compare(second); !reflect.DeepEqual(got, want) || got.Same() {
		t.Errorf("Compare = %+v, want %+v", got, want)
	}
	if got := first.Compare(first); !got.Same() {
		t.Errorf("Compare with itself = %+v, want no difference", got)
	}
	if got := first.Compare(Refs{}); len(got.Here) != 5 || got.Same() {
		t.Errorf("Compare with nothing = %+v, want five parts here", got)
	}
}

func TestDifferencesAreSorted(t *testing.T) {
	parts := []part{{"OFD.xml", ""}, {"a", ""}}
	for i := range 50 {
		parts = append(parts, part{fmt.Sprintf("b %02d", i), ""}, part{fmt.Sprintf("b %02d A", i), ""})
	}
	many, one := mustFile(t, zipped(t, zip.Store, parts)), mustFile(t, zipped(t, zip.Store, parts[:2]))
	for _, list := range [][]string{many.Compare(one).Here, one.Compare(many).There} {
		if len(list) != 100 || !slices.IsSorted(list) {
			t.Errorf("%d names, not sorted: %q", len(list), list)
		}
	}
}

func TestListIsACopy(t *testing.T) {
	refs := mustFile(t, zipped(t, zip.Store, document()))
	before := refs.SM3()
	refs.List()[0].Name = "/other"
	if refs.SM3() != before {
		t.Error("writing to List() changed the Refs")
	}
}
