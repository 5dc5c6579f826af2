package stage

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"signet/testsoftHSM/ca"
)

// Names in an officer's folder beneath keys. key and key.pub are those of
// ssh-keygen.
const (
	ukeyKey         = "ukey.key"
	ukeyCertificate = "ukey.pem"
)

// giveKey makes the key of an officer in a folder that he alone can enter, and
// returns its public half.
func (s *Stage) giveKey(ctx context.Context, o Officer, crypto string) (string, error) {
	dir := s.path(filepath.Join(keysDir, o.ID))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	if err := os.Chown(dir, int(o.UID), int(o.UID)); err != nil {
		return "", err
	}
	if crypto == "gm" {
		return giveCertified(o.UID, filepath.Join(dir, ukeyKey), filepath.Join(dir, ukeyCertificate), o.Name, ca.SigningUsage)
	}
	return giveSSH(ctx, o, filepath.Join(dir, "key"))
}

// giveSSH makes a key of OpenSSH. ssh-keygen runs as root: it refuses a user
// whom the machine does not know.
func giveSSH(ctx context.Context, o Officer, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", o.ID, "-f", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("making the key of %s: %w\n%s", o.ID, err, out)
	}
	public, err := os.ReadFile(path + ".pub")
	return string(public), errors.Join(err, os.Chown(path, int(o.UID), int(o.UID)), os.Chown(path+".pub", int(o.UID), int(o.UID)))
}

// giveIdentity makes who can open backups, a key that officer li keeps, and
// returns the recipient: keys/li/backup.age, or backup.key with backup.pem.
func (s *Stage) giveIdentity(crypto string) (string, error) {
	keeper := Officers()[1]
	at := func(name string) string { return s.path(filepath.Join(keysDir, keeper.ID, name)) }
	if crypto == "gm" {
		return giveCertified(keeper.UID, at("backup.key"), at("backup.pem"), "backup", ca.EncryptionUsage)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	return identity.Recipient().String(), give(keeper.UID, at("backup.age"), []byte(identity.String()+"\n"))
}

// giveCertified makes an SM2 key with a certificate of itself, which it
// returns in PEM.
func giveCertified(uid uint32, keyPath, certificatePath, name string, usage smx509.KeyUsage) (string, error) {
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		return "", err
	}
	template := &smx509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, KeyUsage: usage,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	certificate, err := smx509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", err
	}
	private, err := smx509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	text := ca.PEM(certificate)
	return string(text), errors.Join(
		give(uid, keyPath, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		give(uid, certificatePath, text))
}

// give writes a file that its owner alone can read.
func give(uid uint32, path string, data []byte) error {
	return errors.Join(os.WriteFile(path, data, 0o600), os.Chown(path, int(uid), int(uid)))
}
