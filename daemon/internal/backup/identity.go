package backup

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"filippo.io/age"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// An Identity opens backups. However it is printed or logged, it shows as
// "redacted". The zero value opens none.
type Identity struct{ secret *secret }

type secret struct {
	age  []age.Identity
	key  *sm2.PrivateKey
	cert *smx509.Certificate
}

const redacted = "redacted"

func (Identity) Format(f fmt.State, _ rune)   { io.WriteString(f, redacted) }
func (Identity) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (Identity) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// ParseIdentity reads an age identity file, or an SM2 private key in PEM
// (PKCS#8, also encrypted) that belongs to cert, the certificate in PEM that
// backups were encrypted to. For age, cert is empty. passphrase is asked once,
// for an encrypted key alone, and its answer is wiped.
func ParseIdentity(file, cert []byte, passphrase func() ([]byte, error)) (Identity, error) {
	block, _ := pem.Decode(file)
	if block == nil {
		return parseAge(file, cert)
	}
	if len(cert) == 0 {
		return Identity{}, errors.New("identity: an SM2 key needs its certificate: backups name the certificate")
	}
	c, err := parseCertificate(cert)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	key, err := parseKey(block, passphrase)
	if err != nil {
		return Identity{}, fmt.Errorf("identity: %w", err)
	}
	if !key.PublicKey.Equal(c.PublicKey) {
		return Identity{}, fmt.Errorf("identity: the key is not that of certificate %q", c.Subject)
	}
	return Identity{&secret{key: key, cert: c}}, nil
}

func parseAge(file, cert []byte) (Identity, error) {
	if len(cert) != 0 {
		return Identity{}, errors.New("identity: a certificate goes with an SM2 key in PEM, and this is none")
	}
	ids, err := age.ParseIdentities(bytes.NewReader(file))
	if err != nil {
		return Identity{}, fmt.Errorf("identity: want lines AGE-SECRET-KEY-1… or an SM2 key in PEM: %w", err)
	}
	return Identity{&secret{age: ids}}, nil
}

func parseKey(block *pem.Block, passphrase func() ([]byte, error)) (*sm2.PrivateKey, error) {
	var password []byte
	switch block.Type {
	case "PRIVATE KEY":
	case "ENCRYPTED PRIVATE KEY":
		if passphrase == nil {
			return nil, errors.New("the key is encrypted, and there is nobody to ask for its passphrase")
		}
		var err error
		if password, err = passphrase(); err != nil {
			return nil, fmt.Errorf("asking for the passphrase: %w", err)
		}
		defer clear(password)
		if len(password) == 0 {
			return nil, errors.New("the key is encrypted, and the passphrase is empty")
		}
	default:
		return nil, fmt.Errorf("PEM block %q: want PRIVATE KEY or ENCRYPTED PRIVATE KEY (PKCS#8)", block.Type)
	}
	parsed, err := pkcs8.ParsePKCS8PrivateKey(block.Bytes, password)
	if err != nil && password != nil {
		return nil, fmt.Errorf("decrypting the key (is the passphrase right?): %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("parsing the key: %w", err)
	}
	key, ok := parsed.(*sm2.PrivateKey)
	if !ok {
		return nil, errors.New("the key is no SM2 key")
	}
	return key, nil
}
