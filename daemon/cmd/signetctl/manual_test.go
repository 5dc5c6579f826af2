package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildManual builds the program that "make man" runs.
func buildManual(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "manual")
	if out, err := exec.Command("go", "build", "-tags", "man", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("building the manual: %v\n%s", err, out)
	}
	return program
}

func writePages(t *testing.T, program string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(program, dir)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1795348800", "LANG=zh_CN.UTF-8", "SIGNET_ADMIN_SOCKET=/mine")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "man: ok pages=") {
		t.Fatalf("writing the manual: %v\n%s", err, out)
	}
	return dir
}

func TestEveryVerbHasItsPageInBothLanguages(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the manual")
	}
	program := buildManual(t)
	dir := writePages(t, program)
	verbs := built(newProgram(nil, nil, nil, os.Getenv).root())
	pages := 0
	for path := range verbs {
		name := "signetctl-" + strings.ReplaceAll(path, " ", "-")
		for where, headings := range map[string][]string{
			"man1":       {`.SH "NAME"`, `.SH "SYNOPSIS"`, `.SH "DESCRIPTION"`, `.SH "EXAMPLES"`, `.SH "OPTIONS OF EVERY VERB"`},
			"zh_CN/man1": {`.SH "名称"`, `.SH "概要"`, `.SH "描述"`, `.SH "示例"`, `.SH "通用选项"`},
		} {
			page, err := os.ReadFile(filepath.Join(dir, where, name+".1"))
			if err != nil {
				t.Error(err)
				continue
			}
			pages++
			checkPage(t, where+"/"+name, string(page), append(headings, `"2026\-11\-22"`))
		}
	}
	if pages < 40 {
		t.Errorf("only %d pages were looked at", pages)
	}
	checkByGroff(t, dir)
	again := writePages(t, program)
	if diff, err := exec.Command("diff", "-r", dir, again).CombinedOutput(); err != nil {
		t.Errorf("the same source gives other pages: %s", diff)
	}
}

// checkPage looks at the form of a page: requests are those that package
// roff writes, and nothing of who built it stands there.
func checkPage(t *testing.T, name, page string, want []string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(page, text) {
			t.Errorf("%s lacks %s", name, text)
		}
	}
	if strings.Contains(page, "/mine") {
		t.Errorf("%s names a socket of who built it", name)
	}
	for i, line := range strings.Split(page, "\n") {
		request, _, _ := strings.Cut(line, " ")
		switch {
		case i == 0 && strings.HasPrefix(line, `'\" t -*- coding: UTF-8 -*-`):
		case !strings.HasPrefix(line, ".") && !strings.HasPrefix(line, "'"):
		case strings.Contains(" .TH .SH .TP .B .PP .nf .fi .nh .ad ", " "+request+" "):
		default:
			t.Errorf("%s, line %d would be obeyed: %q", name, i+1, line)
		}
	}
}

// checkByGroff has the formatter itself complain, where there is one.
func checkByGroff(t *testing.T, dir string) {
	t.Helper()
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not installed: pages were looked at by their form only")
		return
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*", "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	chinese, err := filepath.Glob(filepath.Join(dir, "zh_CN", "man1", "*.1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, chinese...) {
		var complaints bytes.Buffer
		cmd := exec.Command(groff, "-man", "-ww", "-K", "utf8", "-T", "utf8", "-z", page)
		cmd.Stderr = &complaints
		if err := cmd.Run(); err != nil || complaints.Len() > 0 {
			t.Errorf("%s: %v %s", page, err, complaints.String())
		}
	}
}
