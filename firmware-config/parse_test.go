package firmwareconfig

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"signet/protocol/stricttoml"
)

// defaults is what a configuration is that sets only what has no default.
var defaults = Config{
	Appliance: "seal-a.example.gov.cn",
	State:     "/var/lib/signet",
	Runtime:   "/run/signet/state",
	Sockets: Sockets{
		Sign: "/run/signet/sign/sign.sock", Admin: "/run/signet/admin/admin.sock", Audit: "/run/signet/audit/audit.sock",
	},
	Groups: Groups{Clients: Group{Name: "signet-clients"}, Admin: Group{Name: "signet-admin"}, Audit: Group{Name: "signet-audit"}},
	Limits: Limits{
		Connections: 1024, ConnectionsPerUID: 256, Frame: 64 << 10, Batch: 256, QueuePerUID: 64,
		Deadline: 10 * time.Second, Idle: time.Minute,
	},
	Log:   Log{Checkpoint: time.Second, AnchorEvery: 10 * time.Minute},
	Store: Store{MaxSize: 8 << 30, Soft: 6 << 30, Hard: 7 << 30, Ballast: 64 << 20},
	Modules: []Module{{
		Name: "soft", Driver: "pkcs11", Path: "/usr/lib/softhsm/libsofthsm2.so",
		Env:     map[string]string{"SOFTHSM2_CONF": "/etc/signet/softhsm2.conf"},
		Profile: "softhsm", Processes: 1,
		Tokens: []Token{{Name: "seals", URI: "pkcs11:token=seals", PINCredential: "pin-seals", Sessions: 8}},
	}},
}

func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("signetd.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestShippedExampleHasTheDefaults(t *testing.T) {
	c, err := Parse([]byte(shipped(t)))
	if err != nil || !reflect.DeepEqual(c, defaults) {
		t.Errorf("Parse = %+v, %v,\nwant %+v", c, err, defaults)
	}
}

// What the example shows behind "#" must be right, too: without it the same
// configuration comes out, plus the log key and a CA.
func TestShippedExampleShowsTheDefaults(t *testing.T) {
	shown := regexp.MustCompile(`(?m)^#(\[|[a-z0-9_]+ = )`).ReplaceAllString(shipped(t), "$1")
	want := defaults
	want.Log.Module, want.Log.Token, want.Log.Label = "soft", "seals", "signet-log"
	want.Trust = []Trust{{
		Name: "gov", Certificate: "/etc/signet/trust/gov-root.pem", Kind: "egov", Licence: "ECP000000",
		From: time.Date(2025, 9, 26, 16, 0, 0, 0, time.UTC), Until: time.Date(2034, 12, 31, 16, 0, 0, 0, time.UTC),
	}}
	c, err := Parse([]byte(shown))
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("Parse = %+v, %v,\nwant %+v", c, err, want)
	}
	for _, key := range []string{
		"state", "runtime", "sign", "admin", "audit", "clients", "connections", "connections_per_uid", "frame", "batch",
		"queue_per_uid", "deadline", "idle", "max_size", "soft", "hard", "ballast", "sha256", "env", "processes",
		"sessions", "checkpoint", "anchor_every", "certificate", "kind", "licence", "from", "until",
	} {
		if !strings.Contains(shown, "\n"+key+" = ") {
			t.Errorf("the example does not show %s", key)
		}
	}
}

func TestParseReadsEveryKey(t *testing.T) {
	text, err := os.ReadFile("testdata/full.toml")
	if err != nil {
		t.Fatal(err)
	}
	sum := strings.Repeat("0123456789abcdef", 4)
	want := Config{
		Appliance: "seal-b",
		State:     "/srv/signet/state", Runtime: "/run/signet-b/state",
		Sockets: Sockets{Sign: "/run/b/s/sock", Admin: "/run/b/a/sock", Audit: "/run/b/u/sock"},
		Groups:  Groups{Clients: Group{Name: `CORP\docs`}, Admin: Group{GID: 901}, Audit: Group{GID: 902}},
		Limits: Limits{
			Connections: 64, ConnectionsPerUID: 32, Frame: 32 << 10, Batch: 16, QueuePerUID: 8,
			Deadline: 1500 * time.Millisecond, Idle: 2 * time.Minute,
		},
		Log:   Log{Module: "b", Token: "log", Label: "log key 2026", Checkpoint: 2 * time.Second, AnchorEvery: time.Hour},
		Store: Store{MaxSize: 1 << 30, Soft: 512 << 20, Hard: 900 << 20, Ballast: 32 << 20},
		Modules: []Module{
			{
				Name: "a", Driver: "pkcs11", Path: "/opt/sansec/libswsds.so", SHA256: sum,
				Env: map[string]string{"SWSDS_CONF": "/etc/sansec", "A1": ""}, Profile: "sansec", Processes: 2,
				Tokens: []Token{{Name: "seals", URI: "pkcs11:token=seals;serial=01%2002", PINCredential: "pin-seals", Sessions: 16}},
			},
			{
				Name: "b", Driver: "pkcs11", Path: "/usr/lib/softhsm/libsofthsm2.so", Env: map[string]string{},
				Profile: "/etc/signet/ours.toml", Processes: 1,
				Tokens: []Token{{Name: "log", URI: "pkcs11:token=log", PINFile: "/etc/signet/pin-log", Sessions: 1}},
			},
		},
		Trust: []Trust{
			{
				Name: "gov", Certificate: "/etc/signet/trust/gov.pem", Kind: "egov", Licence: "国密认证-2025-001",
				From: time.Date(2025, 9, 26, 16, 0, 0, 0, time.UTC), Until: time.Date(2030, 12, 31, 16, 0, 0, 0, time.UTC),
			},
			{Name: "own", Certificate: "/etc/signet/trust/own.der", Kind: "internal", From: time.Date(2024, 12, 31, 16, 0, 0, 0, time.UTC)},
		},
	}
	c, err := Parse(text)
	if err != nil || !reflect.DeepEqual(c, want) {
		t.Errorf("Parse = %+v, %v,\nwant %+v", c, err, want)
	}
}

func TestBadFileNamesItsFault(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(file, ".toml") + ".txt")
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(text)
			if err == nil || err.Error()+"\n" != string(want) {
				t.Errorf("Parse:\n%v\nwant:\n%s", err, want)
			}
			if !reflect.DeepEqual(c, Config{}) {
				t.Error("a refused configuration is not empty")
			}
		})
	}
}

func TestFiveFaultsAreFiveLines(t *testing.T) {
	text, err := os.ReadFile("testdata/five-faults.toml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = Parse(text)
	want := `line 1: appliance: "Seal A" is no name: want a DNS name in lower case, such as "seal-a.example.gov.cn"
line 3: limits.conections: unknown key: did you mean "connections"?
line 4: limits.deadline: is an integer: want a string such as "10s"
line 7: module.a.path: relative path "x": want an absolute path
line 10: module.a.token.seals: want either pin_credential or pin_file: the daemon has to find the PIN in one place`
	var faults stricttoml.Faults
	if !errors.As(err, &faults) || len(faults) != 5 || err.Error() != want {
		t.Errorf("Parse:\n%v\nwant:\n%s", err, want)
	}
}

func TestNoFaultRepeatsAPIN(t *testing.T) {
	const pin = "31415926"
	for _, change := range []struct{ old, new string }{
		{"pkcs11:token=seals", "pkcs11:token=seals?pin-value=" + pin},
		{"pkcs11:token=seals", "pkcs11:token=seals;PIN-Value=" + pin},
		{"pkcs11:token=seals", "pin-value=" + pin},
		{`pin_credential = "pin-seals"`, `pin_credential = "` + pin + `!"`},
		{`pin_credential = "pin-seals"`, `pin_file = "` + pin + `"`},
		{`pin_credential = "pin-seals"`, `pin = "` + pin + `"`},
		{`pin_credential = "pin-seals"`, `pin_credential = ` + pin},
		{`SOFTHSM2_CONF =`, `USER_PIN = "` + pin + `", SOFTHSM2_CONF =`},
		{`SOFTHSM2_CONF =`, `pin = "` + pin + `", SOFTHSM2_CONF =`},
	} {
		text := strings.Replace(shipped(t), change.old, change.new, 1)
		_, err := Parse([]byte(text))
		if err == nil || strings.Contains(err.Error(), pin) {
			t.Errorf("with %s: %v, want faults without the PIN", change.new, err)
		}
	}
}
