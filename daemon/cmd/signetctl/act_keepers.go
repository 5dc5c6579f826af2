package main

import (
	"context"
	"slices"
	"strings"

	"signet/daemon/internal/authority"
	"signet/policy"
)

// keepers are the custodians of what an act is about, as far as they are known.
type keepers struct {
	known  bool
	ids    []string // of the entry's custodians
	counts []string // of those whose approval its policy counts; empty: all
}

// keepersOf asks for the custodians of an entry where the table of acts leaves
// a choice between roles. Who may not read the register is told the table.
func (p *program) keepersOf(ctx context.Context, kind authority.Kind, target string) keepers {
	if rule, _ := authority.RuleOf(kind); len(rule.Options) < 2 || target == "" {
		return keepers{}
	}
	e, err := p.askEntry(ctx, target)
	if err != nil {
		return keepers{}
	}
	k := keepers{known: true, ids: e.Custodians}
	if kind != authority.ApprovalGrant {
		return k
	}
	if answer, err := p.askPolicy(ctx, target); err == nil {
		if parsed, err := policy.Parse([]byte(answer.Text)); err == nil {
			asks, _ := parsed.Approvals()
			k.counts = asks.Custodians
		}
	}
	return k
}

// who tells whether somebody of a role can sign, and by which names. An entry
// without a custodian has nobody in that role; of one that has some, they alone
// grant and deny uses.
func (k keepers) who(kind authority.Kind, role authority.Role) (names string, can bool) {
	if !k.known {
		return "", true
	}
	decides := kind == authority.ApprovalGrant || kind == authority.ApprovalDeny
	ids := k.ids
	if role != authority.Custodian {
		if decides && len(k.ids) > 0 {
			return "", false
		}
		ids = k.counts
	} else if len(k.counts) > 0 {
		ids = slices.DeleteFunc(slices.Clone(k.ids), func(id string) bool { return !slices.Contains(k.counts, id) })
	}
	if len(ids) == 0 {
		return "", role != authority.Custodian
	}
	return " (" + strings.Join(ids, ", ") + ")", true
}
