package main

import (
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

func initialise(dir string, flags *flag.FlagSet, args []string) error {
	name := flags.String("type", "SM2", "key type: SM2, EC-P256 or RSA-2048")
	if err := parse(flags, args); err != nil {
		return err
	}
	typ, err := algo.ParseKeyType(*name)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "state.json")); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s has a CA already: want another directory", dir)
	}
	// An hour ago, so that its certificates are valid on a machine whose clock
	// is a little behind.
	c, err := ca.New(typ, time.Now().Add(-time.Hour).Truncate(time.Second))
	if err != nil {
		return err
	}
	return c.Save(dir)
}

func sign(dir string, flags *flag.FlagSet, args []string) error {
	csr, out := flags.String("csr", "", "PKCS#10 request, PEM or DER"), flags.String("out", "", "file of the answer")
	days := flags.Int("days", 365, "validity")
	encryption := flags.Bool("encryption", false, "certify for encryption")
	dual := flags.Bool("dual", false, "answer with two certificates and the enveloped key")
	if err := parse(flags, args); err != nil {
		return err
	}
	c, err := ca.Load(dir)
	if err != nil {
		return err
	}
	request, err := readRequest(*csr)
	if err != nil {
		return err
	}
	order := ca.Order{NotBefore: time.Now().Add(-time.Minute).Truncate(time.Second)}
	order.NotAfter = order.NotBefore.AddDate(0, 0, *days)
	if *encryption {
		order.Usage = ca.EncryptionUsage
	}
	answer, err := answerTo(c, request, order, *dual)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(*out, answer, 0o644), c.Save(dir))
}

func answerTo(c *ca.CA, request []byte, order ca.Order, dual bool) ([]byte, error) {
	issuing := c.Issuing.Certificate.Raw
	if !dual {
		certificate, err := c.Issue(request, order)
		if err != nil {
			return nil, err
		}
		return ca.PEM(certificate.Raw, issuing), nil
	}
	d, err := c.IssueDual(request, order)
	if err != nil {
		return nil, err
	}
	answer := ca.PEM(d.Signing.Raw, d.Encryption.Raw, issuing)
	if d.Enveloped != nil {
		answer = append(answer, pem.EncodeToMemory(&pem.Block{Type: "SM2 ENVELOPED KEY", Bytes: d.Enveloped})...)
	}
	return answer, nil
}

func readRequest(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(data); block != nil {
		return block.Bytes, nil
	}
	return data, nil
}

// serials are the values of a flag that may be repeated.
type serials []*big.Int

func (s *serials) String() string { return fmt.Sprint([]*big.Int(*s)) }

func (s *serials) Set(text string) error {
	n, ok := new(big.Int).SetString(strings.ReplaceAll(text, ":", ""), 16)
	if !ok {
		return errors.New("want a serial number in hex")
	}
	*s = append(*s, n)
	return nil
}

func list(dir string, flags *flag.FlagSet, args []string) error {
	var revoke serials
	flags.Var(&revoke, "revoke", "serial number in hex; may be repeated")
	out := flags.String("out", "", "file of the list")
	reason := flags.Int("reason", 0, "reason of RFC 5280 5.3.1")
	days := flags.Int("days", 7, "until the next list")
	if err := parse(flags, args); err != nil {
		return err
	}
	c, err := ca.Load(dir)
	if err != nil {
		return err
	}
	now := time.Now().Truncate(time.Second)
	for _, serial := range revoke {
		c.Revoke(ca.Revoked{Serial: serial, At: now, Reason: *reason})
	}
	der, err := c.CRL(ca.List{ThisUpdate: now, NextUpdate: now.AddDate(0, 0, *days)})
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	return errors.Join(os.WriteFile(*out, text, 0o644), c.Save(dir))
}
