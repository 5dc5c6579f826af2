package policy

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// guides are the manual of policies in its languages.
var guides = []string{"policy.md", "policy.zh-CN.md"}

func readGuide(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var (
	tomlBlock  = regexp.MustCompile("(?s)```toml\n(.*?)```")
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	plainBlock = regexp.MustCompile("(?s)```\n(line .*?)```")
	comment    = regexp.MustCompile(`(?m)^# .*$`)
)

// blocks returns what a guide has between the fences of one kind.
func blocks(guide string, kind *regexp.Regexp) (all []string) {
	for _, found := range kind.FindAllStringSubmatch(guide, -1) {
		all = append(all, found[1])
	}
	return all
}

func TestEveryExampleOfTheGuidesParses(t *testing.T) {
	var said []Policy // by the first guide
	for _, name := range guides {
		examples := blocks(readGuide(t, name), tomlBlock)
		if len(examples) != 7 {
			t.Fatalf("%d examples in %s, want 7", len(examples), name)
		}
		nobody := 0
		for i, text := range examples {
			p, err := Parse([]byte(text))
			if err != nil {
				t.Fatalf("%s:\n%s\n%v", name, text, err)
			}
			if len(AllowsNobody(p, Holder{})) > 0 {
				nobody++
			}
			switch {
			case name == guides[0]:
				said = append(said, meaning(p))
			case !reflect.DeepEqual(meaning(p), said[i]):
				t.Errorf("example %d of %s is not that of %s:\n%s", i+1, name, guides[0], text)
			}
		}
		if nobody != 1 {
			t.Errorf("%d examples of %s allow nobody, want the one that says so", nobody, name)
		}
	}
}

// TestTheGuidesShowTheSameCommands: but for what a comment says of them.
func TestTheGuidesShowTheSameCommands(t *testing.T) {
	var first []string
	for _, name := range guides {
		var commands []string
		for _, block := range blocks(readGuide(t, name), shellBlock) {
			commands = append(commands, comment.ReplaceAllString(block, ""))
		}
		if first == nil {
			first = commands
		}
		if len(commands) == 0 || !reflect.DeepEqual(commands, first) {
			t.Errorf("%s has the commands\n%v\nnot\n%v", name, commands, first)
		}
	}
}

// TestTheFaultsOfTheGuidesAreReal: such a file gives those lines.
func TestTheFaultsOfTheGuidesAreReal(t *testing.T) {
	_, err := Parse([]byte(`callers = { users = ["oa"] }
operations = ["digest", "sign"]
algorithms = ["SM2-SM3"]
porpoises = ["contract"]
hours = ["22:00-06:00"]
`))
	for _, name := range guides {
		shown := blocks(readGuide(t, name), plainBlock)
		if len(shown) != 1 || err == nil || shown[0] != err.Error()+"\n" {
			t.Errorf("%s shows\n%v\nnot\n%v", name, shown, err)
		}
	}
}

// keys are those of a policy, with which every guide has to deal.
var keys = []string{
	"callers.users", "callers.groups", "operations", "algorithms", "versions", "containers", "purposes", "require",
	"not_before", "not_after", "zone", "hours", "weekdays", "holidays", "crl_max_age", "batch",
	"quotas.minute", "quotas.hour", "quotas.day", "quotas.month", "quotas.lifetime", "quotas.per_caller",
	"approvals", "approvals.persons", "approvals.custodians", "approvals.forms", "approvals.most", "approvals.longest",
}

// words are those of the closed lists.
func words() []string {
	var all []string
	all = append(all, texts(Operations())...)
	all = append(all, texts(Versions())...)
	all = append(all, texts(Containers())...)
	all = append(all, texts(AllFields())...)
	all = append(all, texts(Forms())...)
	return append(all, weekdays[:]...)
}

func TestTheGuidesNameEveryKeyAndWord(t *testing.T) {
	for _, name := range guides {
		guide := readGuide(t, name)
		for _, word := range append(words(), keys...) {
			if !strings.Contains(guide, "`"+word+"`") {
				t.Errorf("%s does not name %s", name, word)
			}
		}
	}
}

// TestTheGuidesListTheRulesInTheirOrder: the table of rules is the one that
// Decide asks.
func TestTheGuidesListTheRulesInTheirOrder(t *testing.T) {
	for _, name := range guides {
		guide := readGuide(t, name)
		for i, r := range rules {
			row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| %d \| (.*)$`, i+1)).FindString(guide)
			for key := range strings.SplitSeq(r.name, ", ") {
				if !strings.Contains(row, "`"+key) {
					t.Errorf("%s: rule %d is %q, and its row is %q", name, i+1, r.name, row)
				}
			}
		}
		if strings.Contains(guide, fmt.Sprintf("\n| %d |", len(rules)+1)) {
			t.Errorf("%s has more than the %d rules", name, len(rules))
		}
	}
}

func TestTheGuidesNameEveryRuleAndReasonOfDecide(t *testing.T) {
	for _, name := range guides {
		guide := readGuide(t, name)
		for _, tt := range refusals {
			if !strings.Contains(guide, "`"+tt.reason.String()+"`") || !strings.Contains(guide, "`"+tt.rule+"`") {
				t.Errorf("%s does not name %v by %s", name, tt.reason, tt.rule)
			}
		}
		for _, r := range []Reason{OutsideHours, VersionRefused, ContainerRefused, ContextRequired, QuotaSpent, RateExceeded, ApprovalNeeded, ApprovalDenied} {
			if !strings.Contains(guide, "`"+r.String()+"`") {
				t.Errorf("%s does not name %v", name, r)
			}
		}
	}
}
