package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"signet/protocol/algo"
	"signet/testsoftHSM/ca"
)

// An Officer is a person of the play: an account of the machine, with a key of
// his own.
type Officer struct {
	ID, Name, Role string
	UID            uint32
	GID            uint32 // of the one group he is in
}

// Officers returns who signs acts on a stage with officers: an administrator,
// three security officers, an auditor and a custodian.
func Officers() []Officer {
	return []Officer{
		{"admin", "王管理", "administrator", AdminUID, AdminGID},
		{"li", "李一", "security-officer", 20012, AdminGID},
		{"wang", "王二", "security-officer", 20013, AdminGID},
		{"zhao", "赵三", "security-officer", 20014, AdminGID},
		{"shen", "沈审", "auditor", AuditUID, AuditGID},
		{"zhang", "张四", "custodian", 20015, AdminGID},
	}
}

// Names of what Appoint leaves on the stage. Officers run signetctl in its
// directory, so that these names are what they type.
const (
	Ceremony = "ceremony.toml" // what init is made from
	Desk     = "desk"          // a folder in which every officer may write
	CADir    = "ca"            // of testca, whose root is trusted
	keysDir  = "keys"
)

// Appoint gives the stage officers, a log key, and a CA that it trusts. It
// comes before Start, and the appliance is then made by the ceremony file.
//
// With crypto mixed officers have SSH keys and backups are for an age key; with
// gm they have UKeys in software, which the program ukey signs with, and
// backups are for an SM2 certificate. The custodian keeps the entries kept.
func (s *Stage) Appoint(ctx context.Context, crypto string, kept ...string) error {
	if err := s.appoint(ctx, crypto, kept); err != nil {
		return fmt.Errorf("appointing officers: %w", err)
	}
	return nil
}

func (s *Stage) appoint(ctx context.Context, crypto string, kept []string) error {
	if err := os.Mkdir(s.path(keysDir), 0o755); err != nil {
		return err
	}
	if err := errors.Join(os.Mkdir(s.path(Desk), 0o777), os.Chmod(s.path(Desk), 0o777)); err != nil {
		return err
	}
	var officers []appointed
	for _, o := range Officers() {
		key, err := s.giveKey(ctx, o, crypto)
		if err != nil {
			return err
		}
		a := appointed{Officer: o, Key: key}
		if o.Role == "custodian" {
			a.Kept = kept
		}
		officers = append(officers, a)
	}
	recipient, err := s.giveIdentity(crypto)
	if err != nil {
		return err
	}
	if err := s.writeCeremony(crypto, recipient, officers); err != nil {
		return err
	}
	return s.extendConfig()
}

// An appointed officer is one of the ceremony file.
type appointed struct {
	Officer
	Key  string // a line of OpenSSH, or a certificate in PEM
	Kept []string
}

var ceremonyFile = template.Must(template.New("ceremony").Parse(`# Who signs what on this appliance, for ever the beginning of its log.
appliance = "{{.Appliance}}"
deployment = "owner"
crypto = "{{.Crypto}}"
backup = ["""
{{.Recipient}}"""]

[log_key]
token = "{{.Token}}"
type = "SM2"
label = "signet-log"

[token.{{.Token}}]
product = "SoftHSM2, for trying only"
{{range .Officers}}
[officer.{{.ID}}]
name = "{{.Name}}"
role = "{{.Role}}"
uid = {{.UID}}
{{with .Kept}}entries = [{{range .}}"{{.}}", {{end}}]
{{end}}keys = ["""
{{.Key}}"""]
{{end}}`))

func (s *Stage) writeCeremony(crypto, recipient string, officers []appointed) error {
	var text strings.Builder
	if err := ceremonyFile.Execute(&text, map[string]any{
		"Appliance": Appliance, "Crypto": crypto, "Recipient": recipient, "Token": TokenName, "Officers": officers,
	}); err != nil {
		return err
	}
	return os.WriteFile(s.path(Ceremony), []byte(text.String()), 0o644)
}

// extendConfig adds the log key and the CA to signetd.toml.
func (s *Stage) extendConfig() error {
	c, err := ca.New(algo.KeySM2, time.Now().Add(-time.Hour).Truncate(time.Second))
	if err != nil {
		return err
	}
	if err := c.Save(s.path(CADir)); err != nil {
		return err
	}
	root := s.path("trust.pem") // outside of CADir, where the daemon's user cannot go
	if err := os.WriteFile(root, ca.PEM(c.Root.Certificate.Raw), 0o644); err != nil {
		return err
	}
	config, err := os.OpenFile(s.Config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(config, `[log]
module = "soft"
token = %q
label = "signet-log"
[trust.demo]
certificate = %q
kind = "internal"
from = 2020-01-01T00:00:00Z
`, TokenName, root)
	return errors.Join(err, config.Close())
}

// SigningFlags are the flags by which the officer of that id signs what he
// does, without being asked.
func (s *Stage) SigningFlags(id string) []string {
	dir := filepath.Join(keysDir, id)
	if exists(s.path(filepath.Join(dir, ukeyCertificate))) {
		return []string{"--exec", "ukey " + dir, "--yes"}
	}
	return []string{"--sign", filepath.Join(dir, "key"), "--yes"}
}
