// Ukey plays the tool of a UKey for ceremonies and tests: it signs what it
// reads with the key that lies in a directory, in clear, as ukey.key beside its
// certificate ukey.pem (package stage makes them). Never let anything of value
// rely on it.
//
//	ukey DIR < BYTES > SIGNATURE
//
// SIGNATURE is a detached GB/T 35275 SignedData, in DER.
package main

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/pkcs7"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ukey:", err)
		os.Exit(1)
	}
}

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("want: ukey DIR < BYTES > SIGNATURE")
	}
	key, certificate, err := open(args[0])
	if err != nil {
		return err
	}
	message, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	signature, err := sign(key, certificate, message)
	if err != nil {
		return fmt.Errorf("signing: %w", err)
	}
	_, err = out.Write(signature)
	return err
}

func open(dir string) (*sm2.PrivateKey, *smx509.Certificate, error) {
	text, err := os.ReadFile(filepath.Join(dir, "ukey.pem"))
	if err != nil {
		return nil, nil, err
	}
	certificate, err := smx509.ParseCertificatePEM(text)
	if err != nil {
		return nil, nil, fmt.Errorf("reading ukey.pem: %w", err)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "ukey.key")); err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, nil, errors.New("reading ukey.key: want PEM")
	}
	parsed, err := smx509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, fmt.Errorf("reading ukey.key: %w", err)
	}
	key, ok := parsed.(*sm2.PrivateKey)
	if !ok {
		return nil, nil, errors.New("reading ukey.key: want an SM2 key")
	}
	return key, certificate, nil
}

func sign(key *sm2.PrivateKey, certificate *smx509.Certificate, message []byte) ([]byte, error) {
	signed, err := pkcs7.NewSMSignedData(message)
	if err != nil {
		return nil, err
	}
	if err := signed.AddSigner(certificate, key, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	signed.Detach()
	return signed.Finish()
}
