package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"signet/testsoftHSM/stage"
)

const (
	policyFile = "crash.toml" // in the directory of the stage
	policyText = "callers = { users = [%d, %d] }\noperations = [\"digest\"]\nalgorithms = [\"SM2-SM3\", \"ECDSA-P256-SHA256\"]\npurposes = [\"crash\"]\n"
)

// initialise makes the store and the entries, as an administrator does.
func initialise(ctx context.Context, s *stage.Stage) error {
	policy := fmt.Appendf(nil, policyText, callerUIDs[0], callerUIDs[1])
	if err := os.WriteFile(filepath.Join(s.Dir, policyFile), policy, 0o644); err != nil {
		return err
	}
	if _, err := s.WaitMode(ctx, "uninitialised"); err != nil {
		return err
	}
	if err := signetctl(ctx, s, "init", "--crypto", "mixed"); err != nil {
		return err
	}
	if _, err := s.WaitMode(ctx, "serving"); err != nil {
		return err
	}
	for _, e := range entries {
		for _, verb := range [][]string{
			{"key", "create", e.id, "--token", stage.TokenName, "--type", e.keyType},
			{"policy", "set", e.id, policyFile},
			{"key", "activate", e.id},
		} {
			if err := signetctl(ctx, s, verb...); err != nil {
				return err
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
