package systemd

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

var catalogs = map[string][]string{
	"catalog/signet.catalog":       {"What happened: ", "Effect: ", "What to do: ", "Next command:\n    "},
	"catalog/signet.zh_CN.catalog": {"发生了什么：", "影响：", "处置：", "下一步命令：\n    "},
}

// catalogEntries returns header and body by message id.
func catalogEntries(t *testing.T, path string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]string{}
	for _, part := range strings.Split(string(text), "\n-- ")[1:] {
		id, entry, _ := strings.Cut(part, "\n")
		if _, ok := entries[id]; ok {
			t.Errorf("%s: %s is there twice", path, id)
		}
		entries[id] = entry
	}
	return entries
}

func TestEveryMessageIsExplainedInBothLanguages(t *testing.T) {
	for path, sections := range catalogs {
		entries := catalogEntries(t, path)
		for _, m := range Messages() {
			entry, ok := entries[m.ID()]
			delete(entries, m.ID())
			if !ok {
				t.Errorf("%s: no entry for %v (%s)", path, m, m.ID())
				continue
			}
			checkSections(t, path+": "+m.Name(), entry, sections)
		}
		for id := range entries {
			t.Errorf("%s: %s is no message of this package", path, id)
		}
	}
}

// checkSections wants the header, then each section once, in order, with words
// in it.
func checkSections(t *testing.T, where, entry string, sections []string) {
	t.Helper()
	header, body, _ := strings.Cut(entry, "\n\n")
	if !strings.HasPrefix(header, "Subject: ") || !strings.Contains(header, "\nDefined-By: signet") {
		t.Errorf("%s: header %q, want Subject: and Defined-By: signet", where, header)
	}
	for i, section := range sections {
		before, after, ok := strings.Cut(body, section)
		if !ok {
			t.Errorf("%s: no section %q", where, section)
			return
		}
		if i == 0 && before != "" || i > 0 && len(strings.TrimSpace(before)) < 2 {
			t.Errorf("%s: %q before section %q", where, before, section)
		}
		body = after
	}
	if strings.TrimSpace(body) == "" {
		t.Errorf("%s: section %q is empty", where, sections[len(sections)-1])
	}
}

func TestCatalogsAskOnlyForFieldsThatExist(t *testing.T) {
	source, err := os.ReadFile("fields.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, match := range regexp.MustCompile(`Field\{"([A-Z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		known["SIGNET_"+match[1]] = true
	}
	placeholder := regexp.MustCompile(`@([A-Z_]+)@`)
	asked := map[string]map[string]bool{}
	for path := range catalogs {
		for id, entry := range catalogEntries(t, path) {
			for _, match := range placeholder.FindAllStringSubmatch(entry, -1) {
				if !known[match[1]] {
					t.Errorf("%s: %s asks for %s, which no Field gives", path, id, match[1])
				}
				if asked[id] == nil {
					asked[id] = map[string]bool{}
				}
				asked[id][match[1]] = true
			}
		}
	}
	// Both languages say the same, so neither asks for what the other does not.
	for path := range catalogs {
		for id, entry := range catalogEntries(t, path) {
			for field := range asked[id] {
				if !strings.Contains(entry, "@"+field+"@") {
					t.Errorf("%s: %s does not say %s; the other language does", path, id, field)
				}
			}
		}
	}
}

func TestJournalctlTakesTheCatalogs(t *testing.T) {
	tool, err := exec.LookPath("journalctl")
	if err != nil {
		t.Skip("no journalctl here; make test-systemd asks it too")
	}
	root := t.TempDir()
	for _, dir := range []string{"/usr/lib/systemd/catalog", "/var/lib/systemd/catalog"} {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for path := range catalogs {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+"/usr/lib/systemd/"+path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command(tool, "--root="+root, "--update-catalog").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("journalctl --update-catalog: %v: %s", err, out)
	}
	list, err := exec.Command(tool, "--root="+root, "--list-catalog").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Count(string(list), "\n"), len(Messages()); got != want {
		t.Errorf("journalctl lists %d messages, want %d:\n%s", got, want, list)
	}
}
