package main_test

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"signet/protocol/admin"
)

// hostile is what a terminal would obey: clear the screen, set the title,
// come back to the line's begin, turn the reading direction, and the one-byte
// form of an escape.
const hostile = "a\x1b[2Jb\x1b]0;owned\x07c\rd\u202ee\u009bf\ng"

// liar NAME answers on a socket in the place of signetd, with texts that try
// to drive the terminal of whoever asks.
func liar(ts *testscript.TestScript, args []string) error {
	path := playOf(ts).Socket(args[0])
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o666); err != nil {
		return errors.Join(err, l.Close())
	}
	server := &http.Server{Handler: lies(), ReadHeaderTimeout: patience}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	ts.Defer(func() {
		server.Close()
		<-done
	})
	return nil
}

func lies() http.Handler {
	mux := http.NewServeMux()
	for path, answer := range map[string]any{
		admin.PathStatus: admin.Status{
			Mode: hostile, Reason: hostile, Mend: hostile, Name: hostile, Appliance: hostile, Authority: hostile, Crypto: hostile,
			Deployment: hostile, Version: hostile, Clock: hostile, Root: hostile, Entries: []admin.Count{{Status: hostile, Count: 1}},
			Tokens: []admin.Token{lyingToken()}, Warnings: []string{hostile},
		},
		admin.PathTokens: admin.Tokens{Tokens: []admin.Token{lyingToken()}},
		admin.PathEntries: admin.Entries{Entries: []admin.Entry{{
			ID: hostile, Class: "key", Status: hostile, Title: hostile, KeyType: hostile, Token: hostile,
		}}},
		admin.PathEntries + "/contract": admin.Entry{
			ID: hostile, Class: hostile, Status: hostile, Title: hostile, KeyType: hostile, Algorithms: []string{hostile},
			Token: hostile, KeyID: hostile, PublicKey: hostile, Origin: hostile, Created: hostile, Transcript: hostile,
			Holds: []admin.Hold{{ID: 1, Authority: hostile, Basis: hostile, From: hostile, LiftBy: hostile}},
		},
		admin.PathEvents: admin.Events{Lines: []string{lyingEvent()}, Next: 1, Size: 1, Root: hostile},
	} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, answer) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusForbidden, admin.Fault{Error: admin.Error{
			Code: 600, Name: hostile, Message: hostile, Field: hostile, Rule: hostile, Retry: "never",
		}})
	})
	return mux
}

func lyingToken() admin.Token {
	return admin.Token{
		Name: "seals", Module: hostile, URI: hostile, State: hostile, Since: time.Now(), LastError: hostile, Mend: hostile,
		Manufacturer: hostile, Model: hostile, Serial: hostile, Firmware: hostile, Profile: hostile, Notices: []string{hostile},
	}
}

// lyingEvent is an event whose texts no signetd would have recorded.
func lyingEvent() string {
	line, err := json.Marshal(map[string]any{
		"v": 1, "seq": 0, "kind": hostile, "entry": hostile, "purpose": hostile, "doc_id": hostile, "doc_no": hostile,
		"op": hostile, "result": hostile, "reason": hostile, hostile: hostile,
	})
	if err != nil {
		panic(err) // of strings and numbers: cannot be
	}
	return string(line)
}

func answerJSON(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(answer) // a peer that has gone shows in the script
}
