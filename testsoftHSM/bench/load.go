package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"signet/protocol"
	"signet/protocol/client"
)

// purpose is what the entries may be used for.
const purpose = "bench"

// loadChild is a document system: callers that have one request in flight
// each, over connections that they share.
func loadChild(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	name := flags.String("alg", "", "algorithm")
	callers := flags.Int("callers", 1, "requests in flight")
	connections := flags.Int("connections", 1, "connections that the callers share")
	batch := flags.Int("batch", 1, "inputs of a request")
	window := flags.Duration("window", time.Second, "length of one run")
	socket := flags.String("socket", "", "path of sign.sock")
	ids := flags.Bool("request-ids", false, "give each request a request_id")
	same := flags.Bool("same", false, "have one value signed again and again")
	if err := flags.Parse(args); err != nil {
		return err
	}
	a, err := algorithmNamed(*name)
	if err != nil {
		return err
	}
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	l := &load{alg: a, batch: *batch, window: *window, ids: *ids, same: *same, born: time.Now().UnixNano()}
	for range *connections {
		c, err := client.Connect(ctx, *socket)
		if err != nil {
			return err
		}
		defer c.Close()
		l.clients = append(l.clients, c)
	}
	return onCommand(in, func() (tally, error) { return l.measure(ctx, *callers) })
}

type load struct {
	alg     algorithm
	clients []*client.Conn
	batch   int
	window  time.Duration
	ids     bool
	same    bool
	born    int64 // keeps request ids of several children apart
	runs    int
}

// measure signs for one window. What is in flight when it ends is waited for
// and counts, with its time.
func (l *load) measure(ctx context.Context, callers int) (tally, error) {
	l.runs++
	start := time.Now()
	end := start.Add(l.window)
	took := make([][]time.Duration, callers)
	faults := make([]error, callers)
	var wait sync.WaitGroup
	for i := range callers {
		wait.Go(func() { took[i], faults[i] = l.call(ctx, i, end) })
	}
	wait.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	t := tally{Requests: len(all), Signatures: len(all) * l.batch, Took: time.Since(start)}
	if len(all) > 0 {
		t.P50, t.P99 = all[len(all)/2], all[len(all)*99/100]
	}
	return t, errors.Join(faults...)
}

// call is one caller. What it is answered is not verified here: the daemon has
// done it, and a document system on the appliance's cores would distort.
func (l *load) call(ctx context.Context, caller int, end time.Time) (took []time.Duration, err error) {
	conn := l.clients[caller%len(l.clients)]
	req := &protocol.SignRequest{
		Entry: l.alg.entry, Algorithm: protocol.Algorithm(l.alg.algo), Form: protocol.SignForm_RAW,
		Context: &protocol.Context{Purpose: purpose}, Inputs: make([]*protocol.Input, l.batch),
	}
	for n := 0; time.Now().Before(end); n++ {
		l.fill(req, caller, n)
		asked := time.Now()
		reply, err := conn.Sign(ctx, req)
		if err != nil {
			return took, err
		}
		took = append(took, time.Since(asked))
		for _, r := range reply.Results {
			if fault := r.GetError(); fault != nil {
				return took, fault
			}
		}
	}
	return took, nil
}

// fill makes each value to be signed a new one, or always the same.
func (l *load) fill(req *protocol.SignRequest, caller, n int) {
	if l.ids {
		req.RequestId = fmt.Sprintf("%x.%d.%d.%d", l.born, l.runs, caller, n)
	}
	if l.same {
		caller, n = 0, 0
	}
	for i := range req.Inputs {
		value := make([]byte, 32)
		binary.BigEndian.PutUint64(value[0:], l.run())
		binary.BigEndian.PutUint64(value[8:], uint64(caller))
		binary.BigEndian.PutUint64(value[16:], uint64(n))
		binary.BigEndian.PutUint64(value[24:], uint64(i))
		req.Inputs[i] = l.alg.input(value)
	}
}

func (l *load) run() uint64 {
	if l.same {
		return 0
	}
	return uint64(l.runs)
}
