package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm3"

	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/canonical"
)

// An entry that the callers may use.
type entry struct {
	id        string
	keyType   string
	algorithm protocol.Algorithm
	input     func([]byte) *protocol.Input
}

var entries = []entry{
	{"sm2", "SM2", protocol.Algorithm_SM2_SM3, func(e []byte) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: e}}
	}},
	{"p256", "EC-P256", protocol.Algorithm_ECDSA_P256_SHA256, func(digest []byte) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Digest{Digest: digest}}
	}},
}

func valueOf(in *protocol.Input) []byte {
	if e := in.GetSm2E(); e != nil {
		return e
	}
	return in.GetDigest()
}

const (
	purpose    = "crash"
	policyText = "callers = { users = [%d, %d] }\noperations = [\"digest\"]\nalgorithms = [\"SM2-SM3\", \"ECDSA-P256-SHA256\"]\npurposes = [\"crash\"]\n"
)

// An act as protocol/openapi.yaml has it.
type act struct {
	V          int    `json:"v"`
	Appliance  string `json:"appliance"`
	Kind       string `json:"kind"`
	Target     string `json:"target"`
	ContentSHA string `json:"content_sha"`
	Nonce      string `json:"nonce"`
	NotAfter   string `json:"not_after"`
	LogSize    uint64 `json:"log_size"`
	LogRoot    string `json:"log_root"`
}

// Contents of acts.
type (
	genesis struct {
		Appliance  string `json:"appliance"`
		Authority  string `json:"authority"`
		Crypto     string `json:"crypto"`
		Deployment string `json:"deployment"`
	}
	createKey struct {
		Type  string `json:"type"`
		Token string `json:"token"`
	}
	setPolicy struct {
		Text string `json:"text"`
	}
	nothing struct{}
)

// initialise makes the appliance's store and the callers' entries.
func initialise(ctx context.Context, a *appliance) error {
	if err := submit(ctx, a, "init", "", genesis{applianceName, "development", "mixed", "owner"}); err != nil {
		return err
	}
	if err := a.awaitMode(ctx, "serving"); err != nil {
		return err
	}
	for _, e := range entries {
		for _, step := range []struct {
			kind    string
			content any
		}{
			{"key.create", createKey{e.keyType, "seals"}},
			{"policy.set", setPolicy{fmt.Sprintf(policyText, callerUID, callerUID+1)}},
			{"entry.activate", nothing{}},
		} {
			if err := submit(ctx, a, step.kind, e.id, step.content); err != nil {
				return err
			}
		}
	}
	return nil
}

func submit(ctx context.Context, a *appliance, kind, target string, content any) error {
	data, err := canonical.Marshal(content)
	if err != nil {
		return err
	}
	around, err := a.officer.ActContext(ctx)
	if err != nil {
		return fmt.Errorf("%s %s: %w", kind, target, err)
	}
	sum := sm3.Sum(data)
	var nonce [16]byte
	rand.Read(nonce[:])
	raw, err := canonical.Marshal(act{
		V: 1, Appliance: around.Appliance, Kind: kind, Target: target, ContentSHA: hexOf(sum[:]), Nonce: hexOf(nonce[:]),
		NotAfter: time.Now().Add(time.Hour).UTC().Format(time.RFC3339), LogSize: around.LogSize, LogRoot: around.LogRoot,
	})
	if err != nil {
		return err
	}
	if _, err := a.officer.Submit(ctx, admin.ActRequest{Act: string(raw), Content: string(data)}); err != nil {
		return fmt.Errorf("%s %s: %w", kind, target, err)
	}
	return nil
}
