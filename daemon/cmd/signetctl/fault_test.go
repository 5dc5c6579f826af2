package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/client"
)

// Every refusal of the table, as it is shown in both languages: what it means
// first, then what the daemon adds, in its own words, then what to type.
func TestEveryCodeSaysWhatItMeansAndWhatToTypeNext(t *testing.T) {
	for lang, separator := range map[string]string{"C": ": ", "zh_CN.UTF-8": "："} {
		for c := protocol.Code(1); c < 1000; c++ {
			if !c.Valid() {
				continue
			}
			var errOut bytes.Buffer
			p := newProgram(nil, nil, &errOut, func(name string) string { return map[string]string{"LANG": lang}[name] })
			p.subject = "contract"
			p.fail(protocol.NewError(c, "a detail of the daemon").WithRule("hours"))
			lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
			want := "signetctl: " + p.tr(codeTexts[c].what) + separator + "a detail of the daemon"
			if lines[0] != want {
				t.Errorf("%s, code %v: %q, want %q", lang, c, lines[0], want)
			}
			last := lines[len(lines)-1]
			if !strings.HasPrefix(strings.TrimSpace(last), p.tr(text{"next: ", "下一步："})) || strings.ContainsAny(last, "{}%") {
				t.Errorf("%s, code %v: the last line is %q", lang, c, last)
			}
		}
	}
}

// commands are the programs that something to type begins with.
var commands = []string{"signetctl ", "systemctl ", "journalctl ", "timedatectl", "usermod ", "id,", "用 id ", "以 root 执行 usermod"}

// What helps is a command wherever there is one. These have none: to do the
// same again is what helps.
var withoutCommand = map[protocol.Code]bool{protocol.RequestIDReused: true, protocol.ActExpired: true}

func TestNextStepsAreCommands(t *testing.T) {
	for c, words := range codeTexts {
		if withoutCommand[c] {
			continue
		}
		for _, l := range []language{english, chinese} {
			next := words.next.in(l)
			found := false
			for _, command := range commands {
				found = found || strings.Contains(next, command)
			}
			if !found {
				t.Errorf("code %v says to type %q, which is no command", c, next)
			}
		}
	}
}

// A program is given a command and nothing else, in no language of people:
// every hint of the catalog, and those that stand in the table of codes.
func TestNextInJSONIsACommand(t *testing.T) {
	p := newProgram(nil, nil, nil, func(string) string { return "zh_CN.UTF-8" })
	root := p.root()
	p.json = true // what its flag says of none
	p.answerInEnglish()
	commands, none := 0, 0
	for name, hint := range hintsOf(t) {
		next := p.hint(hint)
		if next == "" {
			none++
			continue
		}
		commands++
		words := strings.Fields(next)
		if strings.ContainsAny(next, "();,:；（") || strings.Contains(next, " or ") {
			t.Errorf("%s is %q, which is more than a command", name, next)
		}
		switch words[0] {
		case "systemctl", "journalctl", "timedatectl", "usermod", "%s", "%[1]s":
		case "signetctl":
			if cmd, _, err := root.Find(words[1:]); err != nil || cmd == root && next != "signetctl --help" {
				t.Errorf("%s is %q, which is no verb", name, next)
			}
		default:
			t.Errorf("%s is %q, which is no command", name, next)
		}
	}
	if commands < 40 || none > 5 {
		t.Errorf("%d hints are commands, %d are none", commands, none)
	}
	p.caller, p.subject = true, "two"
	if r := p.report(protocol.NewError(protocol.QuotaSpent, "")); r.next != "signetctl policy show two" {
		t.Errorf("a caller's program is given %q", r.next)
	}
}

// hintsOf reads the hints from the catalog's source, and those of the codes
// that are no variable.
func hintsOf(t *testing.T) map[string]text {
	t.Helper()
	all := map[string]text{}
	for c, words := range codeTexts {
		all[c.String()] = words.next
	}
	files := token.NewFileSet()
	for _, name := range catalogFiles {
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "hint") || strings.HasPrefix(spec.Names[0].Name, "hintTellCustodian") ||
				slices.Contains([]string{"hintOfficer", "hintApprovalDecide"}, spec.Names[0].Name) { // these are for people alone
				return true
			}
			literal, ok := spec.Values[0].(*ast.CompositeLit)
			if !ok {
				return true
			}
			en, _ := stringOf(literal.Elts[0])
			zh, _ := stringOf(literal.Elts[1])
			all[spec.Names[0].Name] = text{en, zh}
			return true
		})
	}
	return all
}

// The faults of a text that a daemon finds stand each on a line of its own.
func TestFaultsOfATextAreALineEach(t *testing.T) {
	var errOut bytes.Buffer
	p := newProgram(nil, nil, &errOut, func(string) string { return "" })
	p.fail(protocol.NewError(protocol.Malformed, "policy:\nline 1, callers.users: no user oa\nline 2, callers.groups: no \x1b[2J group"))
	want := "signetctl: the request is malformed\n  policy:\n  line 1, callers.users: no user oa\n  line 2, callers.groups: no "
	if got := errOut.String(); !strings.HasPrefix(got, want) || strings.Contains(got, "\x1b") {
		t.Errorf("it says %q", got)
	}
}

// Faults that signetctl finds itself say what to type, too: those of usage
// name the help of their verb without being told.
func TestEveryLocalFaultSaysWhatToTypeNext(t *testing.T) {
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if of, ok := literal.Type.(*ast.Ident); !ok || of.Name != "fault" {
				return true
			}
			found++
			keys := map[string]string{}
			for _, e := range literal.Elts {
				pair := e.(*ast.KeyValueExpr)
				value, _ := pair.Value.(*ast.Ident)
				if value == nil {
					value = &ast.Ident{Name: "some"}
				}
				keys[pair.Key.(*ast.Ident).Name] = value.Name
			}
			if keys["next"] == "" && keys["status"] != "exitUsage" {
				t.Errorf("%v: a fault that says nothing to type", files.Position(literal.Pos()))
			}
			return true
		})
	}
	if found < 15 {
		t.Errorf("only %d faults were looked at", found)
	}
	for _, err := range []error{client.ErrConnectionLost, errors.New("anything"), fmt.Errorf("x: %w", protocol.Busy)} {
		if r := newProgram(nil, nil, nil, func(string) string { return "" }).report(err); r.next == "" {
			t.Errorf("%v says nothing to type", err)
		}
	}
}

// Widths hold for whatever a register holds, in both languages.
func TestTablesFitWithLongChineseNames(t *testing.T) {
	a := newAppliance(t)
	long := strings.Repeat("关于采购办公用品的合同", 12)
	a.withSM2Key()
	dir, paths := documents(t, "一份名称很长的文件"+strings.Repeat("合同", 30), "b")
	a.fill(long)
	for _, lang := range []string{"C", "zh_CN.UTF-8"} {
		for _, args := range [][]string{
			{"key", "list"}, {"token", "list"}, {"token", "status", "seals"}, {"status"}, {"log", "list"}, {"log", "show", "0"}, {"mode", "show"},
			{"key", "show", "contract"}, {"act", "list"}, {"officer", "list"}, {"cert", "list", "contract"}, {"cert", "crl"}, {"sign", "contract", "--force", paths[0], paths[1]}, {"verify", "contract", paths[0], paths[1]},
		} {
			got := a.ctl(lang, args...)
			got.want(t, exitOK)
			for _, line := range strings.Split(got.out, "\n") {
				if screen.Width(line) > screen.Columns {
					t.Errorf("%s %q: %d columns: %q", lang, args, screen.Width(line), strings.ReplaceAll(line, dir, ""))
				}
			}
		}
	}
}
