package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// The guide is held to the program where programs rely on it.
func TestGuideNamesWhatIsPromised(t *testing.T) {
	text, err := os.ReadFile("signetctl.md")
	if err != nil {
		t.Fatal(err)
	}
	guide := string(text)
	if table := verbTable(newProgram(nil, nil, nil, func(string) string { return "" }).root()); !strings.Contains(guide, table) {
		t.Errorf("the table of verbs is not what --help says; it would be\n%s", table)
	}
	for status, name := range exitNames {
		if !strings.Contains(guide, "\n| "+strconv.Itoa(status)+" | ") {
			t.Errorf("the guide does not say what status %d (%s) is", status, name)
		}
	}
	for found := range causeTexts {
		if !strings.Contains(guide, "| `"+string(found)+"` |") {
			t.Errorf("the guide does not name the cause %s", found)
		}
	}
	for _, result := range resultNames {
		if !strings.Contains(guide, "| "+result+" ") {
			t.Errorf("the guide does not name the result %s", result)
		}
	}
}

// verbTable is the guide's table of verbs: their help, in one line each.
func verbTable(root *cobra.Command) string {
	rows := []string{"| verb | what it does |", "|---|---|"}
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			switch {
			case c.Hidden:
			case c.HasSubCommands():
				add(c)
			default:
				rows = append(rows, "| `"+strings.TrimPrefix(c.CommandPath(), "signetctl ")+"` | "+c.Short+" |")
			}
		}
	}
	add(root)
	return strings.Join(rows, "\n") + "\n"
}
