package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// bareCommit runs the benchmark of the store: events made durable with nothing
// else of the path. Only package store may open a store.
func (b *bench) bareCommit(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkBareCommit$", "-benchtime", b.window.String(), "./daemon/internal/store")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	fmt.Fprintln(b.out, "\nthe bare commit\nsubmitters  events/s  events/commit")
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		name, rest, ok := strings.Cut(lines.Text(), "-") // BenchmarkBareCommit/64-2
		submitters, ok2 := strings.CutPrefix(name, "BenchmarkBareCommit/")
		if !ok || !ok2 {
			continue
		}
		rate, group := metric(rest, "events/s"), metric(rest, "events/commit")
		fmt.Fprintf(b.out, "%10s  %8s  %13s\n", submitters, rate, group)
		b.line("commit submitters=%s rate=%s group=%s", submitters, rate, group)
	}
	return lines.Err()
}

// metric finds the value in front of a unit.
func metric(line, unit string) string {
	fields := strings.Fields(line)
	for i := 1; i < len(fields); i++ {
		if fields[i] == unit {
			return fields[i-1]
		}
	}
	return "-"
}
