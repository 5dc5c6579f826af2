package authority_test

import (
	"strings"
	"testing"

	"signet/daemon/internal/authority"
)

// matrix is the promised table of roles and persons, row by row. "A N + S N"
// needs both, "S 1 | C 1" either. A administrator, S security officer, U
// auditor, C custodian, G any member of group signet-admin without a
// signature. 1 is one person whatever is set at init; N the usual threshold of
// the role (by default 1, of security officers 2), M that for officers.
var matrix = []struct {
	verb, kinds, who string
}{
	{"set up", "init", ""}, // every officer that the content names: no row can say it
	{"approve, deny a use", "approval.grant approval.deny", "C 1 | S 1"},
	{"suspend, revoke an approval, narrow a policy", "entry.suspend approval.revoke policy.narrow", "S 1 | C 1"},
	{"import, activate, resume, supersede, widen a policy", "seal.make seal.import entry.activate entry.resume entry.supersede policy.set", "S N"},
	{"cancel, invalidate", "entry.cancel entry.invalidate", "S N"},
	{"destroy a key", "key.destroy", "S M"},
	{"CSR, certificate import, adopt, log-key rotation", "cert.request cert.import key.adopt log.rotate-key", "S N"},
	{"CRL, stop orders, self-test, filing", "crl.import order.import selftest filing.ack", "G"},
	{"key ceremony, token added", "key.create token.add", "A N + S N"},
	{"token reload, maintenance, PIN latch, backup, poison", "token.reload token.maintenance token.seal-pin token.clear-pin backup mode.clear", "A N"},
	{"restore, accept a database or a clock, re-anchor", "restore store.accept clock.accept log.reanchor", "S N + U N"},
	{"officers, thresholds", "officer.change", "S M + A N"},
}

var initials = map[authority.Role]string{
	authority.Administrator: "A", authority.SecurityOfficer: "S", authority.Auditor: "U",
	authority.Custodian: "C",
}

var counts = map[authority.Count]string{authority.One: "1", authority.Usual: "N", authority.Many: "M"}

// who writes a rule as the matrix does.
func who(r authority.Rule) string {
	if r.Unsigned {
		return "G"
	}
	var options []string
	for _, option := range r.Options {
		var needs []string
		for _, n := range option {
			needs = append(needs, initials[n.Role]+" "+counts[n.Persons])
		}
		options = append(options, strings.Join(needs, " + "))
	}
	return strings.Join(options, " | ")
}

// ordered puts the needs of one option in the order of the roles' numbers,
// which is no promise of the table.
func ordered(s string) string {
	var sorted []string
	for _, option := range strings.Split(s, " | ") {
		for _, role := range []string{"A", "S", "U", "C", "G"} {
			for _, need := range strings.Split(option, " + ") {
				if strings.HasPrefix(need, role) {
					sorted = append(sorted, need)
				}
			}
		}
		sorted = append(sorted, "|")
	}
	return strings.Join(sorted, " ")
}

func TestRulesAreThePromisedMatrix(t *testing.T) {
	seen := 0
	for _, row := range matrix {
		for _, kind := range strings.Fields(row.kinds) {
			seen++
			rule, ok := authority.RuleOf(authority.Kind(kind))
			if !ok || rule.Kind != authority.Kind(kind) {
				t.Errorf("%s: no rule for %s", row.verb, kind)
				continue
			}
			if got := who(rule); ordered(got) != ordered(row.who) {
				t.Errorf("%s: %s takes %q, want %q", row.verb, kind, got, row.who)
			}
		}
	}
	if got := len(authority.Rules()); got != seen {
		t.Errorf("%d rules, the matrix has %d kinds", got, seen)
	}
}

// TestNoRuleIsMetByNobody: an option without needs, or a need of no persons,
// would be permission.
func TestNoRuleIsMetByNobody(t *testing.T) {
	kinds := map[authority.Kind]bool{}
	for _, rule := range authority.Rules() {
		if kinds[rule.Kind] {
			t.Errorf("%s has two rules", rule.Kind)
		}
		kinds[rule.Kind] = true
		if (len(rule.Options) == 0) != (rule.Unsigned || rule.Kind == authority.Init) {
			t.Errorf("%s has %d options and Unsigned %v", rule.Kind, len(rule.Options), rule.Unsigned)
		}
		for _, option := range rule.Options {
			if len(option) == 0 {
				t.Errorf("%s has an option that nobody signs", rule.Kind)
			}
			for _, need := range option {
				if counts[need.Persons] == "" || initials[need.Role] == "" {
					t.Errorf("%s needs %d of %v", rule.Kind, need.Persons, need.Role)
				}
			}
		}
	}
}

func TestUnknownKindHasNoRule(t *testing.T) {
	for _, kind := range []authority.Kind{"", "entry", "Entry.Suspend", "entry.suspend ", "key.export"} {
		if rule, ok := authority.RuleOf(kind); ok || rule.Options != nil {
			t.Errorf("RuleOf(%q) = %+v, %v", kind, rule, ok)
		}
	}
}

func TestZeroRoleIsNoRole(t *testing.T) {
	if got := authority.Role(0).String(); got != "no role" {
		t.Errorf("role 0 is %q", got)
	}
	words := map[string]bool{}
	for role := range initials {
		words[role.String()] = true
	}
	if len(words) != len(initials) || words["no role"] {
		t.Errorf("roles are named %v", words)
	}
}
