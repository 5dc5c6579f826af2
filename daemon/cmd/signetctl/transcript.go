package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/protocol"
	"signet/protocol/admin"
)

// A transcript is the record of a ceremony as package hsm writes it, which
// this program must not import. Its public key is that of a step.
type transcript struct {
	Token        string `json:"token"`
	Module       string `json:"module"`
	ModuleSHA256 string `json:"module_sha256"`
	ModulePinned *bool  `json:"module_pinned"` // nil in those of older versions
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Serial       string `json:"serial"`
	Firmware     string `json:"firmware"`
	Profile      string `json:"profile"`
	KeyType      string `json:"key_type"`
	Mechanism    string `json:"mechanism"`
	Label        string `json:"label"`
	ID           string `json:"id"`
	Steps        []step `json:"steps"`
}

type step struct {
	Step   string `json:"step"`
	Value  string `json:"value"`
	Result string `json:"result"`
}

// askTranscript shows the transcript that e names, if it hashes to that name.
func (p *program) askTranscript(ctx context.Context, e admin.Entry) error {
	if e.Transcript == "" {
		return &fault{status: exitNotFound, what: msgNoTranscript, args: []any{e.ID}, next: hintShow, nextArgs: []any{e.ID}}
	}
	content, err := p.content(ctx, e.Transcript)
	if errors.Is(err, protocol.UnknownEntry) {
		return &fault{status: exitNotFound, what: msgTranscriptLost, args: []any{e.ID, e.Transcript}, next: hintStatus}
	}
	if err != nil {
		return err
	}
	var t transcript
	if json.Unmarshal([]byte(content), &t) != nil {
		return &fault{status: exitUnexpected, what: msgTranscriptUnread, args: []any{e.ID}, next: hintShow, nextArgs: []any{e.ID}}
	}
	if p.json {
		return p.printJSONText(content) // exact, for who hashes it
	}
	return p.showTranscript(t)
}

func (p *program) showTranscript(t transcript) error {
	var list screen.List
	add := func(name text, value string) { list.Add(p.tr(name), screen.Cell{Text: value}) }
	add(headToken, t.Token)
	add(headModule, t.Module)
	add(labelModuleHash, t.ModuleSHA256)
	if t.ModulePinned != nil {
		list.Add(p.tr(labelPinned), p.yes(*t.ModulePinned))
	}
	add(labelDevice, t.Manufacturer+" "+t.Model)
	add(labelSerial, t.Serial)
	add(labelFirmware, t.Firmware)
	add(headProfile, t.Profile)
	add(headKeyType, t.KeyType)
	add(labelMechanism, t.Mechanism)
	add(labelKeyLabel, t.Label)
	add(labelKeyID, t.ID)
	for i, s := range t.Steps {
		// The step beside its answer, not as the item's name: names are cut.
		result := p.word(s.Result)
		list.Note(strconv.Itoa(i+1), screen.Cell{Text: s.Step + ": " + s.Value, Tone: result.Tone}, "("+screen.Clean(result.Text)+")")
	}
	return list.Write(p.out, p.outPaint)
}
