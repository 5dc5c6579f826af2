package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/protocol/admin"
)

func (p *program) logShow() *cobra.Command {
	return p.command("show SEQ", helpLogShow, func(ctx context.Context, args []string) error {
		seq, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil {
			return usage(msgBadSeq, args[0])
		}
		answer, err := read(ctx, p, func(ctx context.Context, c *admin.Client) (admin.Events, error) { return c.Events(ctx, seq, 1) })
		switch {
		case err != nil:
			return err
		case len(answer.Lines) == 0 && answer.Partial && seq < answer.Size:
			return &fault{status: exitNotFound, what: msgEventHidden, args: []any{seq}, next: hintLog}
		case len(answer.Lines) == 0:
			return &fault{status: exitNotFound, what: msgNoSuchEvent, args: []any{seq, answer.Size}, next: hintLog}
		}
		line, ok := parseLine(answer.Lines[0])
		if !ok || line.event.Seq != seq {
			return badLog(seq)
		}
		if p.json {
			return p.printJSONText(line.raw)
		}
		if err := p.showEvent(line.raw); err != nil {
			return err
		}
		switch {
		case line.event.Act != "":
			return p.showAct(ctx, line.event)
		case line.event.Kind == audit.KindApproval && line.event.Result == audit.Allowed:
			return p.showRequestOf(ctx, line.event)
		}
		return nil
	})
}

// showEvent shows every field of a line, also those of a newer daemon, and
// the hash that a proof of the line begins with.
func (p *program) showEvent(raw string) error {
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(raw), &fields); err != nil {
		return fmt.Errorf("reading event: %w", err)
	}
	var list screen.List
	for _, name := range fieldOrder(fields) {
		list.Note(name, screen.Cell{Text: fieldValue(fields[name])}, p.fieldMeaning(name, fieldValue(fields["kind"]), fieldValue(fields["result"])))
	}
	leaf := audit.LeafHash([]byte(raw))
	list.Add(p.tr(labelLeaf), screen.Cell{Text: hex.EncodeToString(leaf[:])})
	return list.Write(p.out, p.outPaint)
}

func fieldValue(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

// fieldMeaning says what a field means in an event of a kind and a result: an
// approval is spent by uses alone.
func (p *program) fieldMeaning(name, kind, result string) string {
	meaning, ok := fieldTexts[name]
	if name == "approval" {
		meaning = approvalMeaning(audit.Kind(kind), audit.Result(result))
	}
	if !ok {
		return ""
	}
	return "(" + p.tr(meaning) + ")"
}

func approvalMeaning(kind audit.Kind, result audit.Result) text {
	switch used := kind == audit.KindSign || kind == audit.KindStamp; {
	case used && result == audit.Allowed:
		return msgApprovalConsumed
	case kind == audit.KindApproval:
		return msgApprovalAsked
	case kind == audit.KindAct:
		return msgApprovalDecided
	}
	return fieldTexts["approval"]
}

// fieldOrder is the order of the table of fields, then what it lacks.
func fieldOrder(fields map[string]json.RawMessage) []string {
	var order []string
	for f := range reflect.TypeFor[audit.Event]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if _, ok := fields[name]; ok {
			order = append(order, name)
		}
	}
	var rest []string
	for name := range fields {
		if !slices.Contains(order, name) {
			rest = append(rest, name)
		}
	}
	slices.Sort(rest)
	return append(order, rest...)
}
