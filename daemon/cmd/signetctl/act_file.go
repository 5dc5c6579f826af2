package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"signet/daemon/internal/authority"
	"signet/protocol/admin"
)

// maxActFile bounds an act file in bytes: act, content and signatures, escaped
// and indented.
const maxActFile = 2 << 20

// nonceShown is how much of a nonce people type.
const nonceShown = 8

// parseDeed reads the file of an act and refuses one whose content is not what
// the act binds: what is shown of it is then what is signed.
func parseDeed(data []byte) (deed, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var request admin.ActRequest
	if err := decoder.Decode(&request); err != nil {
		return deed{}, fmt.Errorf("reading the act's JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return deed{}, errors.New("something stands behind the act's JSON")
	}
	return openDeed(request)
}

// openDeed checks what came from elsewhere.
func openDeed(request admin.ActRequest) (deed, error) {
	act, err := authority.ParseAct([]byte(request.Act))
	if err != nil {
		return deed{}, err
	}
	if err := act.CheckContent([]byte(request.Content)); err != nil {
		return deed{}, err
	}
	if request.Signatures == nil {
		request.Signatures = []admin.Signature{}
	}
	return deed{request, act}, nil
}

// format is the file of d.
func (d deed) format() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d.request); err != nil {
		return nil, fmt.Errorf("encoding act: %w", err)
	}
	return b.Bytes(), nil
}

// name is what the file of d is called if nobody says otherwise.
func (d deed) name() string {
	target := d.act.Target
	if target != "" {
		target += "-"
	}
	return fmt.Sprintf("%s-%s%s.act", d.act.Kind, target, d.act.Nonce[:nonceShown])
}

// readDeed reads an act file, or standard input for "-".
func (p *program) readDeed(path string) (deed, error) {
	data, err := p.readAll(path, maxActFile)
	if err != nil {
		return deed{}, err
	}
	d, err := parseDeed(data)
	if err != nil {
		return deed{}, usage(msgBadActFile, path, err)
	}
	return d, nil
}

// saveDeed writes the file of d.
func saveDeed(path string, force bool, d deed) error {
	data, err := d.format()
	if err != nil {
		return err
	}
	f, err := createFile(path, force)
	if err != nil {
		return err
	}
	defer f.discard()
	return f.commit(data)
}

// A writtenAct is what --json says of an act that was written, not handed in.
type writtenAct struct {
	File       string `json:"file"`
	Nonce      string `json:"nonce"`
	Kind       string `json:"kind"`
	Target     string `json:"target"`
	NotAfter   string `json:"not_after"`
	Signatures int    `json:"signatures"`
}

// writeDeed writes an act for others to sign, as was asked for.
func (p *program) writeDeed(path string, force bool, d deed) error {
	if err := saveDeed(path, force, d); err != nil {
		return err
	}
	if p.json {
		return p.printJSON(writtenAct{path, d.act.Nonce, string(d.act.Kind), d.act.Target, d.act.NotAfter, len(d.request.Signatures)})
	}
	if err := p.say(msgActWritten, string(d.act.Kind), path, d.act.NotAfter); err != nil {
		return err
	}
	return p.next(hintActFile, path, path)
}

// leaveToOthers writes an act that somebody has to sign, since nobody does
// here. For a script that is no success.
func (p *program) leaveToOthers(d deed) error {
	path := strings.ReplaceAll(d.name(), "/", "_") // a target is no path
	if err := saveDeed(path, false, d); err != nil {
		return err
	}
	return &fault{status: exitMore, what: msgActLeft, args: []any{string(d.act.Kind), path, d.act.NotAfter}, next: hintActFile, nextArgs: []any{path, path}}
}
