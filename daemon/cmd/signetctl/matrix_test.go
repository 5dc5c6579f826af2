package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"signet/daemon/internal/authority"
)

// unbuiltKinds are the kinds of the table that no verb makes yet.
var unbuiltKinds = []authority.Kind{
	authority.TokenAdd, authority.TokenReload, authority.TokenMaintenance, authority.TokenSealPIN,
	authority.SealMake, authority.SealImport, authority.EntryInvalidate, authority.EntrySupersede, authority.OrderImport,
	authority.LogReanchor, authority.LogRotateKey, authority.FilingAck,
}

// kindsOf are the kinds that a verb says it makes.
func kindsOf(cmd *cobra.Command) []authority.Kind {
	var kinds []authority.Kind
	for _, name := range strings.Fields(cmd.Annotations[annotationAct]) {
		kinds = append(kinds, authority.Kind(name))
	}
	return kinds
}

// A verb cannot make an act of a kind that it is not annotated with, so that
// the matrix below is the whole of it.
func TestAVerbMakesNothingButItsKinds(t *testing.T) {
	a := newAppliance(t)
	var out strings.Builder
	p := newProgram(strings.NewReader(""), &out, &out, a.env())
	err := p.carry(t.Context(), &handing{kinds: []authority.Kind{authority.EntryActivate}}, order{kind: authority.KeyDestroy, target: "k"})
	if err == nil || len(a.acts) != 0 {
		t.Errorf("carry: %v, %d acts", err, len(a.acts))
	}
}

// Every verb that makes an act has its row in the table of who signs what, and
// no kind of that table is out of reach without being named here.
func TestEveryVerbThatMakesAnActHasItsRow(t *testing.T) {
	made := map[authority.Kind]string{}
	for path, cmd := range built(newProgram(nil, nil, nil, os.Getenv).root()) {
		for _, kind := range kindsOf(cmd) {
			if _, ok := authority.RuleOf(kind); !ok {
				t.Errorf("%q makes acts of kind %q, which the table does not have", path, kind)
			}
			if formOf(kind) == nil {
				t.Errorf("%q makes acts of kind %q, whose content cannot be shown", path, kind)
			}
			made[kind] = path
		}
	}
	for _, rule := range authority.Rules() {
		path, reached := made[rule.Kind]
		if unbuilt := slices.Contains(unbuiltKinds, rule.Kind); unbuilt == reached {
			t.Errorf("kind %q: made by %q, named as not built: %v", rule.Kind, path, unbuilt)
		}
		if kindTexts[rule.Kind] == (text{}) {
			t.Errorf("kind %q has no words for people", rule.Kind)
		}
	}
	if len(kindTexts) != len(authority.Rules()) || len(made) < 20 {
		t.Errorf("%d kinds have words, the table has %d; verbs make %d", len(kindTexts), len(authority.Rules()), len(made))
	}
}
