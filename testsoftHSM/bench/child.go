package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// children are the programs that bench starts itself as, by first argument.
var children = map[string]func(context.Context, []string) error{
	"limit": limitChild,
	"load":  loadChild,
}

// A tally is what a child measured in its window.
type tally struct {
	Signatures int           `json:"signatures"`
	Requests   int           `json:"requests"`
	Took       time.Duration `json:"took"`
	P50        time.Duration `json:"p50"`
	P99        time.Duration `json:"p99"`
}

func (t tally) rate() float64 { return float64(t.Signatures) / t.Took.Seconds() }

// A child is one process that prepares, says so, and measures when told to.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts cmd, whose process must call onCommand, and waits until
// it is prepared. secret is its first line of input.
func startChild(cmd *exec.Cmd, secret string) (*child, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Args[1], err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Args[1], err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Args[1], err)
	}
	c := &child{cmd, in, bufio.NewReader(out)}
	if _, err := fmt.Fprintln(in, secret); err != nil {
		return nil, errors.Join(fmt.Errorf("starting %s: %w", cmd.Args[1], err), c.stop())
	}
	if line, err := c.out.ReadString('\n'); err != nil || line != readyLine {
		return nil, errors.Join(fmt.Errorf("starting %s: it said %q: %w", cmd.Args[1], line, err), c.stop())
	}
	return c, nil
}

const readyLine = "ready\n"

// measureTogether has all the children measure at the same time and adds them up.
func measureTogether(children []*child) (tally, error) {
	for _, c := range children {
		if _, err := fmt.Fprintln(c.in, "go"); err != nil {
			return tally{}, fmt.Errorf("telling a child to go: %w", err)
		}
	}
	var sum tally
	for _, c := range children {
		line, err := c.out.ReadBytes('\n')
		if err != nil {
			return tally{}, fmt.Errorf("waiting for a child: %w", err)
		}
		var t tally
		if err := json.Unmarshal(line, &t); err != nil {
			return tally{}, fmt.Errorf("reading a child's answer: %w", err)
		}
		sum.Signatures, sum.Requests = sum.Signatures+t.Signatures, sum.Requests+t.Requests
		sum.Took, sum.P50, sum.P99 = max(sum.Took, t.Took), max(sum.P50, t.P50), max(sum.P99, t.P99)
	}
	return sum, nil
}

// stop lets the child end by closing its input.
func (c *child) stop() error {
	c.in.Close()
	return c.cmd.Wait()
}

func stopAll(children []*child) error {
	var errs []error
	for _, c := range children {
		errs = append(errs, c.stop())
	}
	return errors.Join(errs...)
}

// onCommand is a child's main loop: it says that it is prepared, and measures
// each time it is told to, until its input ends.
func onCommand(in *bufio.Reader, measure func() (tally, error)) error {
	if _, err := os.Stdout.WriteString(readyLine); err != nil {
		return err
	}
	for {
		if _, err := in.ReadString('\n'); err != nil {
			return nil
		}
		t, err := measure()
		if err != nil {
			return err
		}
		line, err := json.Marshal(t)
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
			return err
		}
	}
}
