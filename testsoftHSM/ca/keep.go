package ca

import (
	"crypto"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/smx509"

	"signet/protocol/algo"
)

// state is what lies beside keys and certificates in a CA's directory.
type state struct {
	Type      string
	Serial    int64
	CRLNumber int64
	Revoked   []Revoked
}

// Save writes the CA into dir, its keys in clear. The state comes last, by
// rename: a directory without one is no CA.
func (c *CA) Save(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	if err := errors.Join(saveAuthority(dir, "root", c.Root), saveAuthority(dir, "issuing", c.Issuing)); err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	text, err := json.MarshalIndent(state{c.Type.String(), c.serial, c.crlNumber, c.revoked}, "", "  ")
	if err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	path := filepath.Join(dir, "state.json")
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("saving CA: %w", err)
	}
	return os.Rename(path+".new", path)
}

// Load reads what Save wrote.
func Load(dir string) (*CA, error) {
	text, err := os.ReadFile(filepath.Join(dir, "state.json"))
	if err != nil {
		return nil, fmt.Errorf("loading CA: %w", err)
	}
	var s state
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("loading CA from %s: %w", dir, err)
	}
	c := &CA{serial: s.Serial, crlNumber: s.CRLNumber, revoked: s.Revoked}
	if c.Type, err = algo.ParseKeyType(s.Type); err != nil {
		return nil, fmt.Errorf("loading CA from %s: %w", dir, err)
	}
	if c.Root, err = loadAuthority(dir, "root"); err != nil {
		return nil, fmt.Errorf("loading CA: %w", err)
	}
	if c.Issuing, err = loadAuthority(dir, "issuing"); err != nil {
		return nil, fmt.Errorf("loading CA: %w", err)
	}
	return c, nil
}

func saveAuthority(dir, name string, a Authority) error {
	der, err := smx509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		return err
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return errors.Join(
		os.WriteFile(filepath.Join(dir, name+".key"), key, 0o600),
		os.WriteFile(filepath.Join(dir, name+".pem"), PEM(a.Certificate.Raw), 0o644))
}

func loadAuthority(dir, name string) (Authority, error) {
	text, err := os.ReadFile(filepath.Join(dir, name+".pem"))
	if err != nil {
		return Authority{}, err
	}
	certificate, err := smx509.ParseCertificatePEM(text)
	if err != nil {
		return Authority{}, fmt.Errorf("reading %s.pem: %w", name, err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, name+".key")); err != nil {
		return Authority{}, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return Authority{}, fmt.Errorf("reading %s.key: want PEM", name)
	}
	key, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return Authority{}, fmt.Errorf("reading %s.key: %w", name, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return Authority{}, fmt.Errorf("reading %s.key: %T does not sign", name, key)
	}
	return Authority{certificate, signer}, nil
}
