package canonical

import (
	"errors"
	"testing"
	"time"
)

// level is written by its name; level 0 has none.
type level int

func (l level) MarshalText() ([]byte, error) {
	if l == 0 {
		return nil, errors.New("level 0 has no name")
	}
	return []byte("<level>"), nil
}

func TestMarshalWritesTextOfTypesThatHaveOne(t *testing.T) {
	one := level(1)
	v := struct {
		Value   level   `json:"value"`
		Pointer *level  `json:"pointer,omitempty"`
		List    []level `json:"list"`
		Hidden  func()  `json:"-"`
	}{one, &one, []level{one}, nil}
	want := `{"list":["<level>"],"pointer":"<level>","value":"<level>"}`
	if got, err := Marshal(v); err != nil || string(got) != want {
		t.Errorf("Marshal = %s, %v, want %s", got, err, want)
	}
	if got, err := Marshal(level(0)); err == nil {
		t.Errorf("Marshal of a value without text = %s", got)
	}
}

// TestOmitZeroAsksTheValue: a time of year 1 is no time.
func TestOmitZeroAsksTheValue(t *testing.T) {
	type span struct {
		From  time.Time `json:"from,omitzero"`
		Until time.Time `json:"until"`
		Count int       `json:"count,omitzero"`
	}
	for want, v := range map[string]span{
		`{"until":"0001-01-01T00:00:00Z"}`:                                         {},
		`{"count":1,"from":"2026-11-22T10:51:00Z","until":"0001-01-01T00:00:00Z"}`: {From: time.Date(2026, 11, 22, 10, 51, 0, 0, time.UTC), Count: 1},
	} {
		got, err := Marshal(v)
		if err != nil || string(got) != want {
			t.Errorf("Marshal = %s, %v, want %s", got, err, want)
		}
		var again span
		if err := Unmarshal(got, &again); err != nil || again != v {
			t.Errorf("Unmarshal = %+v, %v, want %+v", again, err, v)
		}
	}
}

// TestEmbeddedFieldsAreRefused: encoding/json would flatten them, so that the
// decoder and this encoder disagreed.
func TestEmbeddedFieldsAreRefused(t *testing.T) {
	type Shown struct {
		A int `json:"a"`
	}
	if got, err := Marshal(struct {
		Shown `json:"shown"`
	}{}); err == nil {
		t.Errorf("Marshal of an embedded struct = %s", got)
	}
}

// TestAppendKeepsWhatIsThere also after an error.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	if got, err := Append([]byte("before"), []int{1}); err != nil || string(got) != "before[1]" {
		t.Errorf("Append = %s, %v", got, err)
	}
	if got, err := Append([]byte("before"), []any{1, nil}); err == nil || got != nil {
		t.Errorf("Append of what has no form = %s, %v", got, err)
	}
}
