package main

import (
	"encoding/hex"
	"fmt"

	"signet/daemon/cmd/signetctl/internal/screen"
)

// undecided is why no signature could be judged.
type undecided struct{ err error }

func (u *undecided) Error() string { return fmt.Sprintf("indeterminate: %v", u.err) }
func (u *undecided) Unwrap() error { return u.err }

// resultNames are the names of results for programs, resultWords those that
// the catalog has words for: what failed in the log is another thing.
var (
	resultNames = [...]string{indeterminate: "indeterminate", passed: "passed", failed: "failed"}
	resultWords = [...]string{indeterminate: "open", passed: "valid", failed: "bad"}
)

// A verdictJSON is what verify answers with --json, one for each signature.
type verdictJSON struct {
	Result    string  `json:"result"` // passed, failed or indeterminate
	File      string  `json:"file,omitempty"`
	Signature string  `json:"signature"` // path of its file
	Key       string  `json:"key"`       // entry, or path of the public key
	Algorithm string  `json:"algorithm,omitempty"`
	Value     string  `json:"value,omitempty"`         // hex of the digest or e
	SM3       string  `json:"document_hash,omitempty"` // hex of SM3 of the file, for SM2 keys
	Cause     finding `json:"cause,omitempty"`         // of failed
	Reason    string  `json:"reason,omitempty"`        // the same for people, and of indeterminate
}

func (p *program) showVerdicts(v *verification, verdicts []verdict) error {
	for i, verdict := range verdicts {
		if p.json {
			if err := p.printJSON(p.verdictJSON(v, verdict)); err != nil {
				return err
			}
			continue
		}
		if i > 0 {
			p.blank()
		}
		list := p.verdictList(v, verdict)
		if err := list.Write(p.out, p.outPaint); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) verdictJSON(v *verification, verdict verdict) verdictJSON {
	out := verdictJSON{
		Result: resultNames[verdict.result], File: verdict.path, Signature: verdict.signature, Key: v.keyName(),
		SM3: hex.EncodeToString(verdict.sm3), Cause: verdict.cause, Reason: p.why(verdict),
	}
	if verdict.algorithm != 0 {
		out.Algorithm, out.Value = verdict.algorithm.String(), verdict.valueText()
	}
	return out
}

// valueText is the value in hex, but of Ed25519, whose value is the document.
func (v *verdict) valueText() string {
	if v.algorithm.DigestSize() == 0 {
		return ""
	}
	return hex.EncodeToString(v.tbs[v.algorithm])
}

func (p *program) verdictList(v *verification, verdict verdict) screen.List {
	var list screen.List
	list.Add(p.tr(headResult), p.word(resultWords[verdict.result]))
	list.Add(p.tr(labelReason), screen.Cell{Text: p.why(verdict)})
	list.Add(p.tr(headFile), screen.Cell{Text: verdict.path})
	list.Add(p.tr(labelSignature), screen.Cell{Text: verdict.signature})
	list.Add(p.tr(labelPublicKey), screen.Cell{Text: v.keyName()})
	if verdict.algorithm != 0 {
		list.Add(p.tr(labelAlgorithm), screen.Cell{Text: verdict.algorithm.String()})
		list.Add(p.tr(labelValue), screen.Cell{Text: verdict.valueText()})
	}
	if verdict.sm3 != nil {
		list.Add(p.tr(labelFileSM3), screen.Cell{Text: hex.EncodeToString(verdict.sm3)})
	}
	return list
}

// why says what was found, in a sentence.
func (p *program) why(verdict verdict) string {
	switch {
	case verdict.err != nil:
		return p.report(verdict.err).sentence
	case verdict.result != failed:
		return ""
	case verdict.cause == noMatch:
		return p.tr(causeTexts[noMatch])
	}
	return p.tr(causeTexts[verdict.cause], verdict.algorithm.String())
}

// sum is the outcome of all: a bad signature weighs more than one that could
// not be judged.
func (p *program) sum(v *verification, verdicts []verdict) error {
	bad := 0
	var open error
	for _, verdict := range verdicts {
		switch verdict.result {
		case failed:
			bad++
		case indeterminate:
			open = verdict.err
		}
	}
	switch {
	case bad > 0:
		f := &fault{status: exitVerification, what: msgVerifyFailed, args: []any{bad, len(verdicts)}, next: hintKeyFile, nextArgs: []any{"ENTRY"}}
		if v.entry != "" {
			f.next, f.nextArgs = hintEvents, []any{v.entry}
		}
		return f
	case open != nil:
		return &undecided{open}
	}
	return nil
}
