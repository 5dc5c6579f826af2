package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"signet/testsoftHSM/stage"
)

// policy is what every key of the demo begins with.
func (k key) policy() string {
	return fmt.Sprintf("callers = { users = [%d] }\noperations = [\"digest\"]\nalgorithms = [%q]\npurposes = [\"contract\"]\n", stage.CallerUID, k.algorithm)
}

// lay writes a file that officers and callers name.
func (d *demo) lay(name, text string) error {
	return os.WriteFile(filepath.Join(d.Dir, name), []byte(text), 0o644)
}

// limit gives a key that was used once a quota of two a day, and uses it up.
func (d *demo) limit(context.Context) error {
	k := keys[1]
	say("A quota of two uses a day: one officer may narrow a policy, and the use from before counts")
	text := k.policy() + fmt.Sprintf("zone = %q\nquotas = { day = 2 }\n", stage.Zone(time.Now()))
	if err := d.lay("limited.toml", text); err != nil {
		return err
	}
	fmt.Print(indented(text))
	if err := d.together(false, "li", "policy", "set", k.entry, "limited.toml"); err != nil {
		return err
	}
	if err := d.isSigned(k.entry); err != nil {
		return err
	}
	return d.isRefused(stage.CallerUID, exitLater, k.entry, "contract")
}

// lunch is an hour of a Monday that the office hours of the dry run leave out.
const lunch = "2027-01-04 12:30"

// tryHours asks what a policy with office hours would answer at lunch.
func (d *demo) tryHours(context.Context) error {
	k := keys[1]
	say("Office hours, tried before they are set: by a dry run nothing is used or recorded")
	text := k.policy() + "zone = \"Asia/Shanghai\"\nhours = [\"08:30-12:00\", \"13:30-17:30\"]\n"
	if err := d.lay("office.toml", text); err != nil {
		return err
	}
	return d.excerpt(exitLater, regexp.MustCompile(`hours|T1[23]:30|:30-`), "policy", "test", k.entry, "office.toml", "--at", lunch)
}

// widen shows what a policy would widen before two set it.
func (d *demo) widen(context.Context) error {
	k := keys[1]
	say("What the policy without the quota would widen, and who has to sign it: then both do")
	if _, err := d.aloud(stage.AdminUID, stage.AdminGID, "policy", "diff", k.entry, k.entry+".toml"); err != nil {
		return err
	}
	if err := d.together(false, "li wang", "policy", "set", k.entry, k.entry+".toml"); err != nil {
		return err
	}
	return d.isSigned(k.entry)
}

// named is the approval that a caller is to tell the custodian of.
var named = regexp.MustCompile(`signetctl approval show ([0-9a-f]{16})`)

// approve has the caller ask for a use, and the custodian grant it.
func (d *demo) approve(context.Context) error {
	k := keys[0]
	say("An approval (用印授权): the caller asks on behalf of a person, the custodian looks and grants, it is used once")
	if err := d.lay("approved.toml", k.policy()+"approvals = { forms = [\"digests\"], longest = \"8h\" }\n"); err != nil {
		return err
	}
	if err := d.together(false, "li", "policy", "set", k.entry, "approved.toml"); err != nil {
		return err
	}
	if err := d.isRefused(stage.CallerUID, exitLater, k.entry, "contract"); err != nil {
		return err
	}
	said, err := d.caller(stage.CallerUID, "approval", "request", k.entry, "--digest-of", d.document,
		"--purpose", "contract", "--user-id", "ma", "--justification", "purchase 2026-17", "--for", "1h")
	if err != nil {
		return err
	}
	found := named.FindSubmatch(said)
	if found == nil {
		return fmt.Errorf("signetctl did not say which approval to show:\n%s", said)
	}
	return d.grant(k.entry, string(found[1]))
}

// grant has the custodian look at what was asked for, with his own file, and
// grant it. It is good for one use.
func (d *demo) grant(entry, approval string) error {
	fmt.Println()
	zhang := officerOf("zhang")
	if _, err := d.aloud(zhang.UID, zhang.GID, "approval", "show", approval, "--file", d.document); err != nil {
		return err
	}
	fmt.Println()
	if err := d.together(false, zhang.ID, "approval", "grant", approval, "--file", d.document); err != nil {
		return err
	}
	d.approvals++
	if err := d.isSigned(entry, "--approval", approval); err != nil {
		return err
	}
	if err := d.isRefused(stage.CallerUID, exitRefused, entry, "contract", "--approval", approval); err != nil {
		return err
	}
	record, err := d.quietly(zhang.UID, zhang.GID, "approval", "show", approval, "--json")
	if err != nil {
		return err
	}
	return d.save("approval.json", record)
}

// isSigned has the caller sign the document once more.
func (d *demo) isSigned(entry string, flags ...string) error {
	args := append([]string{"sign", entry, "--file", d.document, "--purpose", "contract"}, flags...)
	if _, err := d.caller(stage.CallerUID, args...); err != nil {
		return err
	}
	d.signed++
	return nil
}

// excerpt shows those lines of what an officer reads that match.
func (d *demo) excerpt(status int, lines *regexp.Regexp, args ...string) error {
	fmt.Printf("$ signetctl %s | grep -E '%s'\n", typed(args), lines)
	out, err := d.ending(status, stage.AdminUID, stage.AdminGID, args...)
	if err != nil {
		return err
	}
	shown := 0
	for line := range strings.Lines(string(out)) {
		if lines.MatchString(line) {
			fmt.Print(line)
			shown++
		}
	}
	if shown == 0 {
		return fmt.Errorf("signetctl %s said nothing of %s:\n%s", typed(args), lines, out)
	}
	return nil
}

func indented(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n    ") + "\n"
}

// replay has the auditor decide every use anew, and keeps the report. It
// returns how many decisions there were.
func (d *demo) replay() (decisions int, err error) {
	say("Every decision made again from what its event records, and every use counted again")
	if _, err := d.auditor("log", "replay"); err != nil {
		return 0, err
	}
	report, err := d.quietly(stage.AuditUID, stage.AuditGID, "log", "replay", "--json")
	if err != nil {
		return 0, err
	}
	var found struct {
		Summary struct{ Decisions, Differences int }
	}
	if err := json.Unmarshal(report, &found); err != nil {
		return 0, fmt.Errorf("reading what was decided anew: %w", err)
	}
	if n := found.Summary.Differences; n != 0 || found.Summary.Decisions < d.signed {
		return 0, fmt.Errorf("%d decisions again, %d of them differ; %d were signed", found.Summary.Decisions, n, d.signed)
	}
	return found.Summary.Decisions, d.save("replay.json", report)
}
