//go:build man

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signet/daemon/cmd/signetctl/internal/roff"
)

// With the tag man this program writes its manual pages into a directory
// instead: those of section 1 in English and, below zh_CN, in Chinese, from
// the same texts as --help. "make man" runs it.
func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -tags man ./daemon/cmd/signetctl DIRECTORY")
		os.Exit(exitUsage)
	}
	if err := writeManual(os.Args[1], os.Getenv("SOURCE_DATE_EPOCH")); err != nil {
		fmt.Fprintln(os.Stderr, "writing the manual:", err)
		os.Exit(exitUnexpected)
	}
}

func writeManual(dir, epoch string) error {
	date, err := manualDate(epoch)
	if err != nil {
		return err
	}
	pages := 0
	for locale, where := range map[string]string{"C": "man1", "zh_CN.UTF-8": "zh_CN/man1"} {
		// Sockets and colours of who runs this must not stand in a manual.
		p := newProgram(nil, io.Discard, io.Discard, func(name string) string { return map[string]string{"LANG": locale}[name] })
		m := manual{program: p, dir: filepath.Join(dir, where), date: date}
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		if err := m.writeTree(p.root()); err != nil {
			return err
		}
		pages += m.pages
	}
	fmt.Printf("man: ok pages=%d\n", pages)
	return nil
}

// manualDate is that of the source, never today: the same source gives the
// same bytes. Without one a page has no date.
func manualDate(epoch string) (string, error) {
	if epoch == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return "", fmt.Errorf("reading SOURCE_DATE_EPOCH: %q is no number of seconds", epoch)
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}

// A manual is the pages of one language.
type manual struct {
	program *program
	dir     string
	date    string
	pages   int
}

func (m *manual) writeTree(cmd *cobra.Command) error {
	path := filepath.Join(m.dir, pageName(cmd)+".1")
	if err := os.WriteFile(path, []byte(m.page(cmd)), 0o644); err != nil {
		return err
	}
	m.pages++
	for _, verb := range cmd.Commands() {
		if !verb.IsAvailableCommand() {
			continue
		}
		if err := m.writeTree(verb); err != nil {
			return err
		}
	}
	return nil
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page is one page, in the order of man-pages(7).
func (m *manual) page(cmd *cobra.Command) string {
	var r roff.Page
	tr := m.program.tr
	r.Begin(strings.ToUpper(pageName(cmd)), "1", m.date, "signet")
	r.Section(tr(manName))
	r.Name(pageName(cmd), cmd.Short)
	r.Section(tr(manSynopsis))
	r.Bold(usageLine(cmd))
	r.Section(tr(manDescription))
	r.Text(cmd.Long)
	m.verbs(&r, cmd)
	own := cmd.NonInheritedFlags()
	if !cmd.HasParent() {
		own = pflag.NewFlagSet("", pflag.ContinueOnError) // the root's are the common ones
	}
	m.flags(&r, tr(manOptions), own)
	m.flags(&r, tr(manCommonOptions), cmd.Root().PersistentFlags())
	if cmd.Example != "" {
		r.Section(tr(manExamples))
		r.Verbatim(cmd.Example)
	}
	m.seeAlso(&r, cmd)
	return r.String()
}

func (m *manual) verbs(r *roff.Page, cmd *cobra.Command) {
	if !cmd.HasAvailableSubCommands() {
		return
	}
	r.Section(m.program.tr(manVerbs))
	for _, verb := range cmd.Commands() {
		if verb.IsAvailableCommand() {
			r.Item(pageName(verb)+"(1)", verb.Short)
		}
	}
}

func (m *manual) flags(r *roff.Page, heading string, flags *pflag.FlagSet) {
	begun := false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" && heading != m.program.tr(manCommonOptions) {
			return
		}
		if !begun {
			r.Section(heading)
			begun = true
		}
		name, what := flagLine(f)
		r.Item(name, what)
	})
}

func (m *manual) seeAlso(r *roff.Page, cmd *cobra.Command) {
	var names []string
	if cmd.HasParent() {
		names = append(names, pageName(cmd.Parent())+"(1)")
		for _, verb := range cmd.Parent().Commands() {
			if verb != cmd && verb.IsAvailableCommand() && cmd.Parent().HasParent() {
				names = append(names, pageName(verb)+"(1)")
			}
		}
	}
	if len(names) > 0 {
		r.Section(m.program.tr(manSeeAlso))
		r.Text(strings.Join(names, ", "))
	}
}
