package main

import (
	"regexp"
	"strconv"
	"strings"
)

// A command is one of a block, and the exit status that the block names.
type command struct {
	text   string
	status int
}

var (
	saidStatus = regexp.MustCompile(`\s# status (\d+)`)
	hereMark   = regexp.MustCompile(`<<'?([A-Z]+)'?`)
)

// commandsOf takes a shell block apart.
func commandsOf(text string) []command {
	var all []command
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")[1:]
	for len(lines) > 0 {
		n := lengthOf(lines)
		c := command{text: strings.Join(lines[:n], "\n")}
		if m := saidStatus.FindStringSubmatch(c.text); m != nil {
			c.status, _ = strconv.Atoi(m[1])
		}
		if typed := strings.TrimSpace(lines[0]); typed != "" && typed[0] != '#' {
			all = append(all, c)
		}
		lines = lines[n:]
	}
	return all
}

// lengthOf is how many lines the first command takes.
func lengthOf(lines []string) int {
	n := 1
	for strings.HasSuffix(lines[n-1], `\`) {
		n++
	}
	if m := hereMark.FindStringSubmatch(lines[n-1]); m != nil {
		for n++; lines[n-1] != m[1]; n++ {
		}
	}
	return n
}
