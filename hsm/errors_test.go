package hsm

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestClassesHaveNamesThatReadBack(t *testing.T) {
	seen := map[string]bool{}
	for c := ClassUnknown; int(c) < len(classNames); c++ {
		name := c.String()
		if name == "" || seen[name] || ParseClass(name) != c {
			t.Errorf("class %d has the name %q, which reads as %v", c, name, ParseClass(name))
		}
		seen[name] = true
	}
	if ParseClass("nonsense") != ClassUnknown || Class(200).String() != "unknown" {
		t.Error("what is no class is not unknown")
	}
}

func TestClassOfFindsTheErrorInTheChain(t *testing.T) {
	err := fmt.Errorf("signing item 3: %w", &Error{ClassDevice, "seals", "signing", io.ErrUnexpectedEOF})
	if got := ClassOf(err); got != ClassDevice {
		t.Errorf("ClassOf(%v) = %v", err, got)
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v lost its cause", err)
	}
	if ClassOf(nil) != ClassUnknown || ClassOf(io.EOF) != ClassUnknown {
		t.Error("an error without a class has one")
	}
}

func TestStatesReadBackAndNothingElseIsUsable(t *testing.T) {
	for s := StateUnknown; s <= StateLatched; s++ {
		text, err := json.Marshal(TokenStatus{State: s})
		if err != nil {
			t.Fatal(err)
		}
		var back TokenStatus
		if err := json.Unmarshal(text, &back); err != nil || back.State != s {
			t.Errorf("%s reads as %v, %v", text, back.State, err)
		}
	}
	back := TokenStatus{State: StateUp}
	if err := json.Unmarshal([]byte(`{"state":"splendid"}`), &back); err != nil || back.State != StateUnknown {
		t.Errorf("a state nobody knows reads as %v, %v", back.State, err)
	}
	if (TokenStatus{}).State == StateUp || State(99).String() != "unknown" {
		t.Error("the zero state is usable")
	}
}
