package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"signet/testsoftHSM/stage"
)

// begin has every officer of the ceremony file sign it.
func (d *demo) begin(ctx context.Context) error {
	say("The ceremony: six officers read %s and sign it, and the life of the appliance begins", stage.Ceremony)
	if _, err := d.aloud(stage.AdminUID, stage.AdminGID, "init", stage.Ceremony, "--plan"); err != nil {
		return err
	}
	fmt.Println()
	act := filepath.Join(stage.Desk, "init.act")
	command := []string{"init", stage.Ceremony, "-o", act}
	for _, o := range stage.Officers() {
		if _, err := d.officer(o, 0, command...); err != nil {
			return err
		}
		command = []string{"act", "sign", act}
	}
	if _, err := d.aloud(stage.AdminUID, stage.AdminGID, "act", "submit", act); err != nil {
		return err
	}
	d.acts++
	if _, err := d.WaitMode(ctx, "serving"); err != nil {
		return err
	}
	if _, err := d.aloud(stage.AdminUID, stage.AdminGID, "status"); err != nil {
		return err
	}
	return errors.Join(d.keep(stage.Ceremony), d.keep(act))
}

// keep copies a file of the stage to the results.
func (d *demo) keep(name string) error {
	text, err := os.ReadFile(filepath.Join(d.Dir, name))
	if err != nil {
		return err
	}
	return d.save(filepath.Base(name), text)
}

// makeKeys makes three entries that the caller may use for contracts. All of
// the first is shown, of the others what was typed.
func (d *demo) makeKeys(context.Context) error {
	say("Three keys, made in the token by an administrator and two security officers, who also permit uid %d to use them", stage.CallerUID)
	for i, k := range keys {
		file := k.entry + ".toml"
		if err := d.lay(file, k.policy()); err != nil {
			return err
		}
		shown := i == 0
		for _, act := range []struct {
			signers string
			command []string
		}{
			{"admin li wang", []string{"key", "create", k.entry, "--token", stage.TokenName, "--type", k.typ}},
			{"li wang", []string{"policy", "set", k.entry, file}},
			{"li wang", []string{"key", "activate", k.entry}},
		} {
			if err := d.together(shown, act.signers, act.command...); err != nil {
				return err
			}
			shown = false
		}
	}
	_, err := d.aloud(stage.AdminUID, stage.AdminGID, "key", "list")
	return err
}

// stop shows that one may stop a key, and that it takes two to go on.
func (d *demo) stop(context.Context) error {
	entry := keys[0].entry
	say("One security officer stops a key at once; it takes two to go on")
	if err := d.together(false, "li", "key", "suspend", entry, "--why", "laptop lost"); err != nil {
		return err
	}
	if err := d.isRefused(stage.CallerUID, exitRefused, entry, "contract"); err != nil {
		return err
	}
	if err := d.together(true, "wang zhao", "key", "resume", entry); err != nil {
		return err
	}
	return d.isSigned(entry)
}

// together has officers sign one act, by their ids: the first makes it, and it
// waits until the last one has signed. If it is shown, so is what each is told,
// and what they read before they sign: once, since it is the same for all.
func (d *demo) together(shown bool, signers string, command ...string) error {
	ids := strings.Fields(signers)
	for i, id := range ids {
		status := exitMore
		if i == len(ids)-1 {
			status = 0
		}
		said, err := d.officer(officerOf(id), status, command...)
		if err != nil {
			return err
		}
		if shown && i == 1 {
			os.Stdout.Write(said)
		} else if shown {
			os.Stdout.Write(read.ReplaceAll(said, nil))
		}
		if status == exitMore {
			found := waiting.FindSubmatch(said)
			if found == nil {
				return fmt.Errorf("signetctl did not say which act to sign:\n%s", said)
			}
			command = []string{"act", "sign", string(found[1])}
		}
	}
	d.acts++
	return nil
}

// waiting is how signetctl names an act that waits to whoever signs next.
var waiting = regexp.MustCompile(`signetctl act sign ([0-9a-f]{8}) `)

// read is what signetctl shows an officer before he signs.
var read = regexp.MustCompile(`(?s)^act .*?\nsignatures +[0-9]+\n`)

func officerOf(id string) stage.Officer {
	all := stage.Officers()
	return all[slices.IndexFunc(all, func(o stage.Officer) bool { return o.ID == id })]
}

// officer runs a verb that somebody signs, and returns what he reads.
func (d *demo) officer(o stage.Officer, status int, command ...string) ([]byte, error) {
	command = append(slices.Clip(command), d.SigningFlags(o.ID)...)
	fmt.Printf("$ signetctl %s   # %s, %s\n", typed(command), o.ID, o.Role)
	cmd := d.Command(context.Background(), o.UID, []uint32{o.GID}, "signetctl", command...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return nil, err
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		return nil, fmt.Errorf("signetctl %s by %s ended with status %d, want %d\n%s", typed(command), o.ID, got, status, said.Bytes())
	}
	return said.Bytes(), nil
}

// typed is a command line as somebody would type it.
func typed(args []string) string {
	var words []string
	for _, arg := range args {
		if strings.Contains(arg, " ") {
			arg = "'" + arg + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
