package canonical

import (
	"bytes"
	"errors"
	"testing"
)

type sample struct {
	Text  string            `json:"text,omitempty"`
	Alpha uint64            `json:"alpha"`
	Flag  bool              `json:"flag,omitempty"`
	List  []uint32          `json:"list,omitempty"`
	Map   map[string]string `json:"map,omitempty"`
	Inner *sample           `json:"inner,omitempty"`
}

func TestMarshalSortsKeysAndEscapesAsRFC8785(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{sample{Text: "印章 <&> \"\\/\b\t\n\f\r\x01\x7f", Alpha: 7}, `{"alpha":7,"text":"印章 <&> \"\\/\b\t\n\f\r\u0001` + "\x7f" + `"}`},
		{&sample{Alpha: 1, Flag: true, List: []uint32{3, 1}, Map: map[string]string{"b": "", "a": "x"}},
			`{"alpha":1,"flag":true,"list":[3,1],"map":{"a":"x","b":""}}`},
		{sample{Inner: &sample{Alpha: maxInteger}}, `{"alpha":0,"inner":{"alpha":9007199254740991}}`},
	} {
		got, err := Marshal(c.value)
		if err != nil || string(got) != c.want {
			t.Errorf("Marshal(%+v) = %s, %v, want %s", c.value, got, err, c.want)
		}
	}
}

func TestMarshalRefusesWhatHasNoCanonicalForm(t *testing.T) {
	for name, v := range map[string]any{
		"nil":       nil,
		"float":     1.5,
		"too large": uint64(maxInteger + 1),
		"too small": int64(-maxInteger - 1),
		"not UTF-8": "\xff",
		"key":       map[string]int{"é": 1},
		"int keys":  map[int]int{1: 1},
		"no name":   struct{ A int }{1},
		"nil slice": []*sample{nil},
		"func":      func() {},
	} {
		if got, err := Marshal(v); err == nil {
			t.Errorf("%s: Marshal = %s, want an error", name, got)
		}
	}
}

func TestUnmarshalRefusesEveryOtherForm(t *testing.T) {
	good := `{"alpha":7,"text":"x"}`
	if err := Unmarshal([]byte(good), new(sample)); err != nil {
		t.Fatalf("Unmarshal(%s) = %v", good, err)
	}
	for _, bad := range []string{
		`{"text":"x","alpha":7}`, `{"alpha":7, "text":"x"}`, `{"alpha":7,"text":"x"}` + "\n", `{"alpha":7,"text":"\u0078"}`,
		`{"alpha":7,"alpha":7}`, `{"Alpha":7}`, `{"alpha":7,"list":[]}`, `{"alpha":7,"inner":null}`, `{"alpha":7,"text":""}`,
		`{"alpha":7}{}`, `{"text":"x"}`, `{"alpha":07}`,
	} {
		if err := Unmarshal([]byte(bad), new(sample)); err == nil {
			t.Errorf("Unmarshal(%s) accepted it", bad)
		}
	}
	if err := Unmarshal([]byte(`{"text":"x","alpha":7}`), new(sample)); !errors.Is(err, ErrNotCanonical) {
		t.Errorf("unsorted keys: %v, want ErrNotCanonical", err)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(`{"alpha":7,"text":"x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v := new(sample)
		if Unmarshal(data, v) != nil {
			return
		}
		again, err := Marshal(v)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, writes %q (%v)", data, again, err)
		}
	})
}
