package firmwareconfig

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"signet/testsoftHSM/need"
)

// write puts a file into a directory of the test with exactly that mode.
func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// load is Load where no CA is trusted.
func load(path string) (Config, error) {
	return Load(path, func(Trust) error { return errors.New("no table names a CA") })
}

func TestLoadReadsTheFile(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o400} {
		c, err := load(write(t, t.TempDir(), "signetd.toml", shipped(t), mode))
		if err != nil || !reflect.DeepEqual(c, defaults) {
			t.Errorf("mode %#o: Load = %+v, %v", mode, c, err)
		}
	}
}

func TestLoadRefusesWhatOthersCanWrite(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		mode os.FileMode
		want string
	}{{0o660, "mode 0660"}, {0o646, "mode 0646"}, {0o620, "mode 0620"}, {0o666, "mode 0666"}} {
		config := write(t, dir, "signetd.toml", shipped(t), tt.mode)
		if c, err := load(config); err == nil || !strings.Contains(err.Error(), tt.want) || len(c.Modules) > 0 {
			t.Errorf("mode %#o: Load = %v, want %s", tt.mode, err, tt.want)
		}
		profile := write(t, dir, "ours.toml", "name = 'ours'\n", tt.mode)
		if _, err := Profile(profile); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("mode %#o: Profile = %v, want %s", tt.mode, err, tt.want)
		}
	}
}

func TestLoadRefusesFilesOfStrangers(t *testing.T) {
	need.Root(t, "gives a file away")
	path := write(t, t.TempDir(), "signetd.toml", shipped(t), 0o644)
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := load(path); err == nil || !strings.Contains(err.Error(), "belongs to uid 12345: want root") {
		t.Errorf("Load = %v, want a refusal of the owner", err)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{dir: "not a file", fifo: "not a file", filepath.Join(dir, "gone"): "no such file"} {
		if _, err := load(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %s", path, err, want)
		}
	}
}

func TestLoadChecksProfilesAmongTheOtherFaults(t *testing.T) {
	dir := t.TempDir()
	profile := write(t, dir, "ours.toml", "name = 'ours'\n", 0o666)
	text := strings.Replace(shipped(t), `profile = "softhsm"`, `profile = "`+profile+`"`, 1)
	text = strings.Replace(text, `driver = "pkcs11"`, `driver = "sdf"`, 1)
	config := write(t, dir, "signetd.toml", text, 0o600)
	_, err := load(config)
	if err == nil || !strings.Contains(err.Error(), "module.soft.profile: "+profile+": mode 0666") ||
		!strings.Contains(err.Error(), "module.soft.driver: unknown driver") {
		t.Errorf("Load = %v, want both faults", err)
	}
	write(t, dir, "ours.toml", "name = 'ours'\n", 0o644)
	text = strings.Replace(text, `driver = "sdf"`, `driver = "pkcs11"`, 1)
	c, err := load(write(t, dir, "signetd.toml", text, 0o600))
	if err != nil || c.Modules[0].Profile != profile {
		t.Errorf("Load = %+v, %v", c.Modules, err)
	}
	if got, err := Profile(profile); err != nil || string(got) != "name = 'ours'\n" {
		t.Errorf("Profile = %q, %v", got, err)
	}
}
