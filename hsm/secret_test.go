package hsm

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const pin = "271828"
	type config struct {
		Name  string
		PIN   Secret
		inner struct{ pin Secret }
		list  []Secret
	}
	c := config{Name: "x", PIN: NewSecret([]byte(pin))}
	c.inner.pin, c.list = c.PIN, []Secret{c.PIN}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%X", "%t"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", c, &c, c.PIN)
	}
	fmt.Fprintln(&out, c.PIN, &c.PIN, c)
	for _, encode := range []func() ([]byte, error){
		func() ([]byte, error) { return json.Marshal(c) },
		func() ([]byte, error) { return xml.Marshal(c.PIN) },
		func() ([]byte, error) { return json.Marshal(map[string]any{"pin": &c.PIN}) },
	} {
		text, err := encode()
		if err != nil {
			t.Error(err)
		}
		out.Write(text)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "pin", c.PIN, "config", c)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "pin", c.PIN, "config", c)
	for _, form := range []string{pin, fmt.Sprintf("%x", pin), fmt.Sprint([]byte(pin)), "50 55 49"} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the secret shows as %q in:\n%s", form, out.String())
		}
	}
	if strings.Count(out.String(), redacted) < 10 {
		t.Errorf("nothing was redacted:\n%s", out.String())
	}
}

func TestWipeOverwritesAllCopies(t *testing.T) {
	held := []byte("271828")
	s := NewSecret(held)
	copied := s
	s.Wipe()
	if !bytes.Equal(held, make([]byte, 6)) {
		t.Errorf("bytes after Wipe: %q", held)
	}
	if !copied.IsZero() || copied.Bytes() != nil {
		t.Error("a copy is left after Wipe")
	}
	s.Wipe()
	Secret{}.Wipe()
	if !(Secret{}).IsZero() {
		t.Error("the zero Secret holds something")
	}
}
