package systemd

import (
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// unit holds the values of each "Section.Key", in order.
type unit map[string][]string

func readUnit(t *testing.T, path string) unit {
	t.Helper()
	u := unit{}
	section := ""
	for _, line := range readLines(t, path) {
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("%s: %q is no assignment", path, line)
		}
		u[section+"."+key] = append(u[section+"."+key], value)
	}
	return u
}

// readLines leaves out comments and empty lines.
func readLines(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// want compares whole values: a key given twice is a fault too.
func (u unit) want(t *testing.T, name string, values map[string]string) {
	t.Helper()
	for key, value := range values {
		if !slices.Equal(u[key], []string{value}) {
			t.Errorf("%s: %s = %q, want %q", name, key, u[key], value)
		}
	}
}

var socketGroups = map[string]string{
	SocketSign:  "signet-clients",
	SocketAdmin: "signet-admin",
	SocketAudit: "signet-audit",
}

func TestSocketsLetInOnlyTheirGroup(t *testing.T) {
	for _, name := range socketNames {
		file := "units/signetd-" + name + ".socket"
		u := readUnit(t, file)
		u.want(t, file, map[string]string{
			"Socket.ListenStream":       "/run/signet/" + name + "/" + name + ".sock",
			"Socket.FileDescriptorName": name,
			"Socket.Service":            "signetd.service",
			"Socket.SocketUser":         "root",
			"Socket.SocketGroup":        socketGroups[name],
			"Socket.SocketMode":         "0660",
			"Socket.DirectoryMode":      "0755",
			"Install.WantedBy":          "sockets.target",
		})
		if u["Socket.Accept"] != nil {
			t.Errorf("%s: Accept= is set; the daemon accepts", file)
		}
	}
}

func TestServiceKeepsToTheDesign(t *testing.T) {
	const file = "units/signetd.service"
	u := readUnit(t, file)
	sockets := "signetd-sign.socket signetd-admin.socket signetd-audit.socket"
	u.want(t, file, map[string]string{
		"Unit.Requires":                   sockets,
		"Unit.After":                      sockets,
		"Unit.StartLimitIntervalSec":      "0",
		"Service.Sockets":                 sockets,
		"Service.Type":                    "notify",
		"Service.User":                    "signet",
		"Service.Group":                   "signet",
		"Service.Restart":                 "on-failure",
		"Service.RestartSec":              "2",
		"Service.StateDirectory":          "signet",
		"Service.StateDirectoryMode":      "0700",
		"Service.ReadWritePaths":          "/run/signet/state",
		"Service.LimitCORE":               "0",
		"Service.MemorySwapMax":           "0",
		"Service.RestrictAddressFamilies": "AF_UNIX",
		"Service.PrivateNetwork":          "yes",
		"Service.LogRateLimitIntervalSec": "0",
	})
	for key, why := range map[string]string{
		"RuntimeDirectory":         "removes the sockets' directories at each stop",
		"PrivateUsers":             "makes every caller uid 65534",
		"DynamicUser":              "changes the owner of the store",
		"RestartPreventExitStatus": "lets waiting connections fail the sockets",
		"SupplementaryGroups":      "lets the daemon call itself",
		"Environment":              "is no place for secrets, and nothing else needs it",
		"EnvironmentFile":          "is no place for secrets, and nothing else needs it",
		"LoadCredential":           "holds a PIN in the clear",
		"SetCredential":            "holds a PIN in the clear",
	} {
		if u["Service."+key] != nil {
			t.Errorf("%s: %s= %s", file, key, why)
		}
	}
}

func TestDirectoriesOutliveTheService(t *testing.T) {
	want := []string{
		"d /run/signet 0755 root root",
		"d /run/signet/sign 0755 root root",
		"d /run/signet/admin 0755 root root",
		"d /run/signet/audit 0755 root root",
		"d /run/signet/state 0700 signet signet",
	}
	var got []string
	for _, line := range readLines(t, "tmpfiles.d/signet.conf") {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if !slices.Equal(got, want) {
		t.Errorf("tmpfiles.d/signet.conf:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, name := range socketNames {
		dir := path.Dir(readUnit(t, "units/signetd-"+name+".socket")["Socket.ListenStream"][0])
		if !slices.Contains(got, "d "+dir+" 0755 root root") {
			t.Errorf("the directory of the %s socket, %s, is not made by tmpfiles.d", name, dir)
		}
	}
}

func TestTheDaemonsUserIsInNoGroupThatMayCallIt(t *testing.T) {
	var groups, users []string
	for _, line := range readLines(t, "sysusers.d/signet.conf") {
		fields := strings.Fields(line)
		switch fields[0] {
		case "u":
			users = append(users, fields[1])
		case "g":
			groups = append(groups, fields[1])
		default:
			t.Errorf("sysusers.d/signet.conf: %q: want users (u) and groups (g) only, no membership", line)
		}
	}
	if !slices.Equal(users, []string{"signet"}) {
		t.Errorf("users %q, want signet", users)
	}
	if want := []string{"signet-clients", "signet-admin", "signet-audit"}; !slices.Equal(groups, want) {
		t.Errorf("groups %q, want %q", groups, want)
	}
}

func TestExposureIsAtMostHalfAPoint(t *testing.T) {
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze here; make test-systemd asks it too")
	}
	out, err := exec.Command(tool, "security", "--offline=yes", "--threshold=5", "--no-pager", "units/signetd.service").CombinedOutput()
	if err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
