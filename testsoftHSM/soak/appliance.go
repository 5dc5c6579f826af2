package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"signet/protocol"
	"signet/protocol/algo"
	"signet/testsoftHSM/stage"
)

// A key is an entry that every caller may use.
type key struct {
	id, keyType string
	alg         algo.Algorithm
	input       func([]byte) *protocol.Input
	public      algo.PublicKey
}

var kinds = []key{
	{id: "sm2", keyType: "SM2", alg: algo.SM2SM3, input: func(e []byte) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Sm2E{Sm2E: e}}
	}},
	{id: "p256", keyType: "EC-P256", alg: algo.ECDSAP256SHA256, input: func(digest []byte) *protocol.Input {
		return &protocol.Input{Value: &protocol.Input_Digest{Digest: digest}}
	}},
}

// purpose is what the entries may be used for.
const purpose = "soak"

// callerUIDs are those that the policy names. stage.OtherUID is in no policy.
var callerUIDs = []uint32{stage.CallerUID, stage.CallerUID + 2, stage.CallerUID + 3, stage.CallerUID + 4}

// initialise starts the daemon and makes the store and the keys, as an
// administrator does.
func initialise(ctx context.Context, s *stage.Stage) ([]key, error) {
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("callers = { users = [%s] }\noperations = [\"digest\"]\nalgorithms = [\"SM2-SM3\", \"ECDSA-P256-SHA256\"]\npurposes = [%q]\n",
		strings.Trim(strings.Join(strings.Fields(fmt.Sprint(callerUIDs)), ", "), "[]"), purpose)
	if err := os.WriteFile(filepath.Join(s.Dir, "soak.toml"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	if err := signetctl(ctx, s, "init", "--crypto", "mixed"); err != nil {
		return nil, err
	}
	if _, err := s.WaitMode(ctx, "serving"); err != nil {
		return nil, err
	}
	var keys []key
	for _, k := range kinds {
		for _, verb := range [][]string{
			{"key", "create", k.id, "--token", stage.TokenName, "--type", k.keyType},
			{"policy", "set", k.id, "soak.toml"},
			{"key", "activate", k.id},
		} {
			if err := signetctl(ctx, s, verb...); err != nil {
				return nil, err
			}
		}
		keys = append(keys, k)
	}
	return keys, publicKeys(ctx, s, keys)
}

// publicKeys asks for them as a caller.
func publicKeys(ctx context.Context, s *stage.Stage, keys []key) error {
	c, err := stage.DialAs(ctx, callerUIDs[0], []uint32{stage.ClientsGID}, s.Socket("sign"))
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.ListEntries(ctx)
	if err != nil {
		return err
	}
	for i := range keys {
		for _, e := range list.Entries {
			if e.Id != keys[i].id {
				continue
			}
			if keys[i].public, err = algo.ParsePublicKey(e.PublicKey); err != nil {
				return fmt.Errorf("entry %s: %w", e.Id, err)
			}
		}
	}
	return nil
}

// signetctl runs a verb as an administrator.
func signetctl(ctx context.Context, s *stage.Stage, verb ...string) error {
	cmd := s.Command(ctx, stage.AdminUID, []uint32{stage.AdminGID}, "signetctl", verb...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("signetctl %s: %w\n%s", strings.Join(verb, " "), err, out)
	}
	return nil
}
