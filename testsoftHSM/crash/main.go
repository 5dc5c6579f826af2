// Command crash kills signetd with SIGKILL while clients sign, again and
// again, and holds what the clients were answered against the log that the
// daemon finds when it starts anew. README.md says what that proves.
//
// It needs root: the daemon and its callers run as uids of their own.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"signet/testsoftHSM/stage"
)

func main() { stage.Main("crash", run) }

// shortKills is how many kills -short asks for, controlKills how many the
// broken build may survive unnoticed in one campaign, and controlTries how many
// campaigns before its control counts as missed.
const (
	shortKills   = 10
	controlKills = 20
	controlTries = 20
)

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("crash", flag.ContinueOnError)
	kills := flags.Int("kills", 100, "how often the daemon is killed")
	seed := flags.Uint64("seed", uint64(time.Now().UnixNano()), "of the moments of the kills and the requests")
	short := flags.Bool("short", false, fmt.Sprintf("kill %d times only", shortKills))
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *kills < 1 {
		return fmt.Errorf("want no arguments and at least one kill; see -help")
	}
	if os.Geteuid() != 0 {
		return stage.ErrNotRoot // before a build, not after
	}
	if *short {
		*kills = shortKills
	}
	fmt.Fprintf(out, "crash: seed %d\n", *seed)
	if err := control(ctx, *seed, out); err != nil {
		return err
	}
	done, err := campaign(ctx, "", *kills, *seed, out)
	if err != nil {
		return err
	}
	if len(done.faults) > 0 {
		return done.fault()
	}
	fmt.Fprintf(out, "crash: ok kills=%d acked=%d events=%d repeated=%d\n", done.kills, done.acked, done.events, done.repeated)
	return nil
}

// control runs the same campaign against a daemon that answers before it
// records. A harness that does not see that sees nothing. One campaign ends at
// its first fault, which with that build may be a receipt that was guessed
// wrong; so it is tried again until an answer is missing in the log.
func control(ctx context.Context, seed uint64, out io.Writer) error {
	kills, acked := 0, 0
	for try := range uint64(controlTries) {
		done, err := campaign(ctx, "broken_early", controlKills, seed+try, io.Discard)
		if err != nil {
			return fmt.Errorf("control broken_early: %w", err)
		}
		kills, acked = kills+done.kills, acked+done.acked
		if done.missing > 0 {
			fmt.Fprintf(out, "crash: broken_early: %d of %d answers missing in the log after %d kill(s)\n", done.missing, acked, kills)
			fmt.Fprintln(out, "controls: 1/1 caught")
			return nil
		}
	}
	fmt.Fprintln(out, "controls: 0/1 caught")
	return fmt.Errorf("control broken_early: %d kills, %d answers before their records, and none was missed in the log", kills, acked)
}
