package main

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"

	"github.com/spf13/cobra"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/replay"
	"signet/protocol"
	"signet/protocol/admin"
)

func (p *program) logReplay() *cobra.Command {
	return p.command("replay", helpLogReplay, func(ctx context.Context, _ []string) error {
		run, err := p.replayLog(ctx)
		if err != nil {
			return err
		}
		if err := p.showReplay(run); err != nil {
			return err
		}
		if n := run.Summary().Differences; n > 0 {
			return &fault{status: exitVerification, what: msgReplayDiffers, args: []any{n}, next: hintLogShow, nextArgs: []any{run.Differences()[0].Event}}
		}
		return nil
	})
}

// A contentSource fetches the contents that events name.
type contentSource func(hash string) ([]byte, error)

func (s contentSource) Content(hash string) ([]byte, error) { return s(hash) }

// contentsOf asks for contents over the connection that reads the log. Whether
// they are what their hash says is for the replay to find. What the daemon has
// not, or is no text, is no content of an act.
func (p *program) contentsOf(ctx context.Context, c *admin.Client) contentSource {
	return func(hash string) ([]byte, error) {
		ctx, cancel := p.within(ctx, readTimeout)
		defer cancel()
		answer, err := c.Content(ctx, hash)
		if errors.Is(err, protocol.UnknownEntry) || errors.Is(err, protocol.Unsupported) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return []byte(answer.Content), nil
	}
}

// replayLog reads the log from event 0 to where it ended when that began.
func (p *program) replayLog(ctx context.Context) (*replay.Replay, error) {
	var done, size atomic.Uint64
	defer p.during(func() string { return p.tr(msgReplaying, done.Load(), size.Load()) })()
	var run *replay.Replay
	err := p.withLog(ctx, func(ctx context.Context, r *logReader) error {
		run = replay.New(p.contentsOf(ctx, r.client))
		err := r.read(ctx, selection{hasFrom: true}, func(line logLine) error {
			if r.partial {
				return errPartial
			}
			size.Store(r.size)
			done.Add(1)
			return run.Line([]byte(line.raw))
		})
		if err == nil && r.partial {
			err = errPartial
		}
		return err
	})
	return run, err
}

// errPartial: whoever sees a part of the log lacks what the rest follows from.
var errPartial = &fault{status: exitRefused, what: msgReplayPartial, next: hintWholeLog}

// A replayJSON is what replay answers with --json.
type replayJSON struct {
	Differences []replay.Difference `json:"differences"` // the first ones: the summary counts all
	Summary     replay.Summary      `json:"summary"`
}

func (p *program) showReplay(run *replay.Replay) error {
	s := run.Summary()
	if p.json {
		return p.printJSON(replayJSON{append([]replay.Difference{}, run.Differences()...), s})
	}
	if found := run.Differences(); len(found) > 0 {
		if err := p.showDifferences(found, s.Differences); err != nil {
			return err
		}
		p.blank()
	}
	var list screen.List
	for _, row := range []struct {
		label text
		count uint64
	}{
		{labelReplayEvents, s.Events}, {labelReplayActs, s.Acts}, {labelReplayAllowed, s.Allowed}, {labelReplayRefused, s.Refused},
		{labelReplayUnrecorded, s.Unrecorded}, {labelReplayUnchecked, s.Unchecked}, {labelReplayOdd, s.Odd}, {labelReplayOtherZones, s.OtherZones},
		{labelReplayUses, s.Uses}, {labelReplayWindows, s.Windows}, {labelReplayApprovals, s.Approvals},
		{labelReplayDifferences, s.Differences},
	} {
		list.Add(p.tr(row.label), screen.Cell{Text: strconv.FormatUint(row.count, 10)})
	}
	return list.Write(p.out, p.outPaint)
}

// shownDifferences is how many people are shown: where one event was tampered
// with, thousands may follow.
const shownDifferences = 200

func (p *program) showDifferences(found []replay.Difference, all uint64) error {
	t := screen.Table{Columns: []screen.Column{
		{Heading: p.tr(headSeq), Whole: true}, {Heading: p.tr(headDifference), Whole: true}, {Heading: p.tr(headEntry)}, {Heading: p.tr(headWhat), Wrap: true},
	}}
	shown := found[:min(len(found), shownDifferences)]
	for _, d := range shown {
		t.Row(screen.Cell{Text: strconv.FormatUint(d.Event, 10)}, screen.Cell{Text: p.tr(differenceTexts[d.Class]), Tone: screen.Bad},
			screen.Cell{Text: d.Entry}, screen.Cell{Text: d.Text})
	}
	if err := t.Write(p.out, p.outPaint); err != nil || uint64(len(shown)) == all {
		return err
	}
	return p.say(msgReplayMore, all-uint64(len(shown)))
}
