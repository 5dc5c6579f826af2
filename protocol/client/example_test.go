package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/protocol/client"
)

// A file is signed: it is not sent, only e = SM3(ZA || file) is. The request_id
// is the number of the caller's own record, so that a request that was lost is
// repeated and not made twice.
func Example() {
	socket, stop := startDaemon(0) // in life "/run/signet/sign/sign.sock"
	defer stop()
	documents, remove := exampleFiles("contract.ofd")
	defer remove()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, socket)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	entries, err := c.ListEntries(ctx) // those that this account may use
	if err != nil {
		log.Fatal(err)
	}
	entry := entries.Entries[0]
	public, err := algo.ParsePublicKey(entry.PublicKey)
	if err != nil {
		log.Fatal(err)
	}
	input, err := client.InputFromFile(ctx, algo.SM2SM3, public, documents[0], nil)
	if err != nil {
		log.Fatal(err)
	}
	reply, err := c.Sign(ctx, &protocol.SignRequest{
		Entry: entry.Id, Algorithm: protocol.Algorithm_SM2_SM3, Form: protocol.SignForm_RAW,
		Inputs:    []*protocol.Input{input},
		Context:   &protocol.Context{Purpose: "contract", DocId: "2026-17"},
		RequestId: "contract-2026-17",
	})
	if err != nil {
		log.Fatal(err)
	}
	if fault := reply.Results[0].GetError(); fault != nil {
		log.Fatal(fault)
	}
	signed := reply.Results[0].GetSigned()
	if err := client.Verify(algo.SM2SM3, public, input, signed.Signature); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: verified, event %d of the log\n", entry.Id, signed.Receipt.Event)
	// Output: contract: verified, event 17 of the log
}

// More files than one request takes: they are read some at a time, and signed
// request by request, with request_ids made of the batch's own.
func ExampleClient_SignBatch() {
	c, public, stop := exampleClient(0)
	defer stop()
	ctx := context.Background()
	files, remove := exampleFiles("a.ofd", "b.ofd", "c.ofd", "d.ofd", "e.ofd")
	defer remove()

	inputs, err := client.InputsFromFiles(ctx, algo.SM2SM3, public, files)
	if err != nil {
		log.Fatal(err)
	}
	reply, err := c.SignBatch(ctx, &protocol.SignRequest{
		Entry: "contract", Algorithm: protocol.Algorithm_SM2_SM3, Form: protocol.SignForm_RAW,
		Inputs: inputs, Context: &protocol.Context{Purpose: "contract"}, RequestId: "archive-2026-11-22",
	})
	var stopped *client.BatchError
	if errors.As(err, &stopped) {
		log.Fatalf("%d are signed, go on from %s: %v", len(stopped.Done), files[len(stopped.Done)], stopped.Err)
	}
	if err != nil {
		log.Fatal(err)
	}
	for i, r := range reply.Results {
		err := client.Verify(algo.SM2SM3, public, inputs[i], r.GetSigned().GetSignature())
		fmt.Println(filepath.Base(files[i]), err == nil)
	}
	// Output:
	// a.ofd true
	// b.ofd true
	// c.ofd true
	// d.ofd true
	// e.ofd true
}

// The daemon is busy for a moment. SignRetry waits as long as it says, while
// the context lasts.
func ExampleClient_SignRetry() {
	c, _, stop := exampleClient(2)
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	_, err := c.Sign(ctx, exampleRequest("contract"))
	fmt.Println("Sign:", errors.Is(err, protocol.Busy))

	reply, err := c.SignRetry(ctx, exampleRequest("contract"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("SignRetry:", len(reply.Results), "result")
	// Output:
	// Sign: true
	// SignRetry: 1 result
}

// A refusal is compared by its code, and says which rule refused.
func ExampleClient_Sign_refused() {
	c, _, stop := exampleClient(0)
	defer stop()

	_, err := c.Sign(context.Background(), exampleRequest("gift"))
	var refusal *protocol.Error
	switch {
	case errors.Is(err, protocol.PurposeRefused) && errors.As(err, &refusal):
		fmt.Println("refused by rule", refusal.GetRule(), "with code", refusal.GetCode())
	case err != nil:
		log.Fatal(err)
	}
	// Output: refused by rule purposes with code 205
}

// A policy asks that custodians approve first. They are shown what stands in
// the request, and what they can check: the SM3 of the file that they have.
func ExampleClient_RequestApproval() {
	c, _, stop := exampleClient(0)
	defer stop()
	ctx := context.Background()
	document := sm3.Sum([]byte("the unsigned contract.ofd"))

	reply, err := c.RequestApproval(ctx, &protocol.ApprovalRequest{
		Entry: "contract", Form: protocol.ApprovalForm_BY_DOCUMENT, Count: 1, // 2 would be for a signature more
		Context:       &protocol.Context{Purpose: "contract", DocId: "2026-17", DocSm3: document[:], UserId: "zhang"},
		Justification: "yearly contract, seen by legal",
		RequestId:     "contract-2026-17.approval",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Approval.Id, reply.Approval.State)

	info, err := c.ApprovalStatus(ctx, reply.Approval.Id) // every minute or so, until it is decided
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.State, "by", info.Granted)

	request := exampleRequest("contract")
	request.Approval, request.RequestId = info.Id, "contract-2026-17"
	request.Context.DocSm3 = document[:] // the document that was approved
	signed, err := c.Sign(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(signed.Results), "result")
	// Output:
	// 0f1e2d3c4b5a6978 APPROVAL_PENDING
	// APPROVAL_GRANTED by 1
	// 1 result
}

// What a program does about an error, whatever it is.
func ExampleAdvise() {
	for _, err := range []error{
		protocol.NewError(protocol.Busy, "too much in hand").RetryIn(20 * time.Millisecond),
		protocol.NewError(protocol.PurposeRefused, "not listed"),
		fmt.Errorf("signing: %w", client.ErrConnectionLost),
	} {
		a := client.Advise(err)
		switch {
		case a.Retry == protocol.Retry_NEVER:
			fmt.Println("show it to who can change something:", err)
		case a.Unspent:
			fmt.Println("repeat after", a.After)
		default:
			fmt.Println("repeat with the same request_id only")
		}
	}
	// Output:
	// repeat after 20ms
	// show it to who can change something: purpose (205): not listed
	// repeat with the same request_id only
}

func exampleRequest(purpose string) *protocol.SignRequest {
	return &protocol.SignRequest{
		Entry: "contract", Algorithm: protocol.Algorithm_SM2_SM3, Form: protocol.SignForm_RAW,
		Inputs:  []*protocol.Input{{Value: &protocol.Input_Sm2E{Sm2E: make([]byte, 32)}}},
		Context: &protocol.Context{Purpose: purpose},
	}
}

func exampleClient(busy int32) (c *client.Client, public algo.PublicKey, stop func()) {
	socket, stopDaemon := startDaemon(busy)
	ctx := context.Background()
	c, err := client.Dial(ctx, socket)
	if err != nil {
		log.Fatal(err)
	}
	entries, err := c.ListEntries(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if public, err = algo.ParsePublicKey(entries.Entries[0].PublicKey); err != nil {
		log.Fatal(err)
	}
	return c, public, func() { c.Close(); stopDaemon() }
}

func exampleFiles(names ...string) (paths []string, remove func()) {
	dir, err := os.MkdirTemp("", "se")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name))
		if err := os.WriteFile(paths[len(paths)-1], []byte("the document "+name), 0o600); err != nil {
			log.Fatal(err)
		}
	}
	return paths, func() { os.RemoveAll(dir) }
}
