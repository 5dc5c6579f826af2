package firmwareconfig

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"signet/protocol/stricttoml"
)

// Parse reads a configuration. An error is stricttoml.Faults: everything that
// is wrong, each with line, key and what would be right. It does not look at
// the files that the text names.
func Parse(text []byte) (Config, error) {
	return parse(text, files{
		profile:     func(string) error { return nil },
		certificate: func(Trust) ([]byte, error) { return nil, nil },
	})
}

// files are what looks at the files that a configuration names by path.
type files struct {
	profile     func(path string) error
	certificate func(Trust) ([]byte, error)
}

// parse is Parse with a look at the files.
func parse(text []byte, named files) (Config, error) {
	doc := stricttoml.Parse(text)
	root := doc.Root()
	c := Config{
		Appliance: applianceOf(root),
		State:     pathOr(root, "state", "/var/lib/signet"),
		Runtime:   pathOr(root, "runtime", "/run/signet/state"),
		Groups:    groupsOf(root.OptionalTable("groups")),
		Limits:    limitsOf(root.OptionalTable("limits")),
		Store:     storeOf(root.OptionalTable("store")),
		Modules:   modulesOf(root, named.profile),
		Trust:     trustOf(root, named.certificate),
	}
	checkDirectories(root, c.State, c.Runtime)
	c.Sockets = socketsOf(root.OptionalTable("sockets"), c.State, c.Runtime)
	c.Log = logOf(root, c.Modules)
	if err := doc.Finish(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// dnsName is RFC 1123 2.1, in lower case: the name is compared byte by byte.
var dnsName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

func applianceOf(root *stricttoml.Table) string {
	name := root.String("appliance")
	if name != "" && (len(name) > 253 || !dnsName.MatchString(name)) {
		root.Faultf("appliance", "%s is no name: want a DNS name in lower case, such as \"seal-a.example.gov.cn\"", stricttoml.Quote(name))
	}
	return name
}

// pathOr returns an absolute path or def. "" stands for one that has its
// fault.
func pathOr(t *stricttoml.Table, key, def string) string {
	return checkedPath(t, key, t.StringOr(key, def))
}

func checkedPath(t *stricttoml.Table, key, path string) string {
	switch {
	case path == "":
		t.Faultf(key, "is empty: want an absolute path")
	case !filepath.IsAbs(path):
		t.Faultf(key, "relative path %s: want an absolute path", stricttoml.Quote(path))
	case filepath.Clean(path) != path:
		t.Faultf(key, "path %s: want it in its shortest form, %s", stricttoml.Quote(path), stricttoml.Quote(filepath.Clean(path)))
	case path == "/":
		t.Faultf(key, "path \"/\": want one of signet's own")
	default:
		return path
	}
	return ""
}

// inside tells whether path is dir or beneath it. Either may be "".
func inside(path, dir string) bool {
	return path != "" && dir != "" && (path == dir || strings.HasPrefix(path, dir+"/"))
}

// checkDirectories keeps what must survive a reboot apart from what must not:
// a mark on disk would outlive its reason, a store on tmpfs would not live.
func checkDirectories(root *stricttoml.Table, state, runtime string) {
	switch {
	case state != "" && state == runtime:
		root.Faultf("runtime", "same directory as state: want one on a tmpfs, gone at reboot")
	case inside(runtime, state):
		root.Faultf("runtime", "%s is inside state: want one on a tmpfs, gone at reboot", stricttoml.Quote(runtime))
	case inside(state, runtime):
		root.Faultf("state", "%s is inside runtime, which is gone at reboot: want one on a disk", stricttoml.Quote(state))
	}
}

// maxSocketPath leaves room under sun_path's 108 bytes (unix(7)), and is what
// every system has that a client may run on.
const maxSocketPath = 103

func socketsOf(t *stricttoml.Table, state, runtime string) Sockets {
	var s Sockets
	directories := map[string]string{}
	for _, socket := range []struct {
		key, def string
		path     *string
	}{
		{"sign", "/run/signet/sign/sign.sock", &s.Sign},
		{"admin", "/run/signet/admin/admin.sock", &s.Admin},
		{"audit", "/run/signet/audit/audit.sock", &s.Audit},
	} {
		path := pathOr(t, socket.key, socket.def)
		dir := filepath.Dir(path)
		switch {
		case path == "":
			continue
		case len(path) > maxSocketPath:
			t.Faultf(socket.key, "path of %d bytes: want at most %d", len(path), maxSocketPath)
		case inside(path, state), inside(path, runtime):
			t.Faultf(socket.key, "%s is inside state or runtime, which only the daemon can enter: want a directory of its own", stricttoml.Quote(path))
		case directories[dir] != "":
			t.Faultf(socket.key, "is in the directory of %s: want a directory of its own", directories[dir])
		}
		directories[dir] = socket.key
		*socket.path = path
	}
	return s
}

func limitsOf(t *stricttoml.Table) Limits {
	l := Limits{
		Connections: int(t.IntOr("connections", 1024, 1, 3072)),
		Frame:       t.SizeOr("frame", 64<<10, 4<<10, 64<<10),
		Batch:       int(t.IntOr("batch", 256, 1, 256)),
		QueuePerUID: int(t.IntOr("queue_per_uid", 64, 1, 4096)),
		Deadline:    t.DurationOr("deadline", 10*time.Second, 100*time.Millisecond, 5*time.Minute),
		Idle:        t.DurationOr("idle", time.Minute, time.Second, time.Hour),
	}
	l.ConnectionsPerUID = int(t.IntOr("connections_per_uid", int64(min(256, l.Connections)), 1, 3072))
	if l.ConnectionsPerUID > l.Connections {
		t.Faultf("connections_per_uid", "%d is more than connections, %d: want at most that", l.ConnectionsPerUID, l.Connections)
	}
	return l
}

func storeOf(t *stricttoml.Table) Store {
	const low, high = 64 << 10, 16 << 40
	s := Store{
		MaxSize: t.SizeOr("max_size", 8<<30, low, high),
		Ballast: t.SizeOr("ballast", 64<<20, low, 16<<30),
	}
	s.Soft = t.SizeOr("soft", s.MaxSize-s.MaxSize/4, 1, high)
	s.Hard = t.SizeOr("hard", s.MaxSize-s.MaxSize/8, 1, high)
	if s.Hard >= s.MaxSize {
		t.Faultf("hard", "%d bytes: want less than max_size, %d bytes", s.Hard, s.MaxSize)
	}
	if s.Soft >= s.Hard {
		t.Faultf("soft", "%d bytes: want less than hard, %d bytes", s.Soft, s.Hard)
	}
	return s
}

func logOf(root *stricttoml.Table, modules []Module) Log {
	t := root.OptionalTable("log")
	l := Log{
		Checkpoint:  t.DurationOr("checkpoint", time.Second, 100*time.Millisecond, time.Minute),
		AnchorEvery: t.DurationOr("anchor_every", 10*time.Minute, time.Minute, 24*time.Hour),
	}
	if !root.Has("log") {
		return l
	}
	l.Module, l.Token, l.Label = t.String("module"), t.String("token"), t.String("label")
	if len(l.Label) > 64 {
		t.Faultf("label", "has %d bytes: want at most 64", len(l.Label))
	}
	if key, problem := findToken(modules, l.Module, l.Token); problem != "" {
		t.Faultf(key, "%s", problem)
	}
	return l
}

// findToken says which key names what is not declared. Names that are "" have
// their faults.
func findToken(modules []Module, module, token string) (key, problem string) {
	for _, m := range modules {
		if m.Name != module {
			continue
		}
		for _, t := range m.Tokens {
			if t.Name == token {
				return "", ""
			}
		}
		if token == "" {
			return "", ""
		}
		return "token", fmt.Sprintf("%s is no token of module %s: want one that [module.%s.token] declares", stricttoml.Quote(token), module, module)
	}
	if module == "" {
		return "", ""
	}
	return "module", fmt.Sprintf("%s is not declared: want the name of a [module]", stricttoml.Quote(module))
}
