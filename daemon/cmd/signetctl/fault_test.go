package main

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
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
