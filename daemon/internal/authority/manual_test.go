package authority_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"signet/daemon/internal/authority"
	"signet/protocol"
)

var update = flag.Bool("update", false, "write the matrix into the manual anew")

// manuals are the languages of the manual of acts.
var manuals = []string{"acts.md", "acts.zh-CN.md"}

// kindWords say what each kind does. A kind without words fails.
var kindWords = map[authority.Kind][2]string{
	authority.Init:             {"begin the life of an appliance", "初始化设备"},
	authority.OfficerChange:    {"change officers or thresholds", "变更管理人员或门限"},
	authority.TokenAdd:         {"add or replace a token", "增加或更换令牌"},
	authority.TokenReload:      {"load a module anew", "重新加载接口库"},
	authority.TokenMaintenance: {"take a token out for maintenance", "令牌停机维护"},
	authority.TokenSealPIN:     {"put a token's PIN into this appliance", "将令牌 PIN 存入本设备"},
	authority.TokenClearPIN:    {"let a refused PIN be tried again", "允许重新尝试令牌的 PIN"},
	authority.KeyCreate:        {"make a key", "生成密钥"},
	authority.KeyAdopt:         {"take a key made elsewhere into the register", "将外部生成的密钥纳入台账"},
	authority.KeyDestroy:       {"destroy a key for ever", "永久销毁密钥"},
	authority.SealMake:         {"make a seal", "制作电子印章"},
	authority.SealImport:       {"import a seal", "导入电子印章"},
	authority.EntryActivate:    {"activate an entry", "启用台账条目"},
	authority.EntrySuspend:     {"suspend an entry", "停用台账条目"},
	authority.EntryResume:      {"lift a hold of an entry", "解除停用事由"},
	authority.EntryCancel:      {"cancel an entry for ever", "永久注销台账条目"},
	authority.EntryInvalidate:  {"declare an entry invalid", "宣布台账条目无效"},
	authority.EntrySupersede:   {"replace a seal by a new making", "重新制作电子印章"},
	authority.CertRequest:      {"make a certificate request", "生成证书请求"},
	authority.CertImport:       {"import a certificate", "导入证书"},
	authority.CRLImport:        {"import a list of revoked certificates", "导入证书撤销列表"},
	authority.OrderImport:      {"import a stop order", "导入停用通知"},
	authority.PolicySet:        {"set a policy", "设置用印策略"},
	authority.PolicyNarrow:     {"set a policy that only narrows", "收紧用印策略"},
	authority.ApprovalGrant:    {"approve a use", "给予用印授权"},
	authority.ApprovalDeny:     {"deny a use", "拒绝用印授权"},
	authority.ApprovalRevoke:   {"revoke an approval", "撤回用印授权"},
	authority.Backup:           {"make a backup", "进行备份"},
	authority.Restore:          {"put a backup in the place of the store", "以备份替换存储"},
	authority.StoreAccept:      {"accept a store that is older than it was", "接受比已知更旧的存储"},
	authority.ClockAccept:      {"accept the clock as it is", "接受当前时钟"},
	authority.ModeClear:        {"end mode poisoned", "结束 poisoned 模式"},
	authority.LogReanchor:      {"anchor the log anew", "重新设置防回退锚点"},
	authority.LogRotateKey:     {"change the log key", "更换日志密钥"},
	authority.SelfTest:         {"run the self-test", "执行自检"},
	authority.FilingAck:        {"note that a filing was acknowledged", "登记备案回执"},
}

// A tongue is how a language says who signs.
type tongue struct {
	head, nobody, all, and, or string
	one                        map[authority.Role]string // one person of a role
	roles                      map[authority.Role]string
	threshold                  string // of a role's name, its threshold's and the default
}

var tongues = []tongue{
	{
		"| kind | what it does | who signs | code |\n|---|---|---|---|\n", "nobody", "every officer that it names", " and ", ", or ",
		map[authority.Role]string{authority.SecurityOfficer: "1 security officer", authority.Custodian: "the custodian of the entry"},
		map[authority.Role]string{authority.Administrator: "administrators", authority.SecurityOfficer: "security officers", authority.Auditor: "auditors"},
		"%s (`%s`: %d)",
	},
	{
		"| 种类 | 作用 | 谁签名 | 操作码 |\n|---|---|---|---|\n", "无需签名", "其中列名的全体管理人员", "和", "，或",
		map[authority.Role]string{authority.SecurityOfficer: "安全管理员 1 人", authority.Custodian: "该条目的印章保管人"},
		map[authority.Role]string{authority.Administrator: "系统管理员", authority.SecurityOfficer: "安全管理员", authority.Auditor: "审计管理员"},
		"%s（`%s`：%d 人）",
	},
}

// threshold is the name and default of what a need asks for.
func threshold(n authority.Need) (string, int) {
	d := authority.DefaultThresholds
	switch {
	case n.Persons == authority.Many:
		return "many", d.Many
	case n.Role == authority.SecurityOfficer:
		return "security", d.Security
	case n.Role == authority.Auditor:
		return "auditor", d.Auditor
	}
	return "administrator", d.Administrator
}

func (l tongue) who(r authority.Rule) string {
	switch {
	case r.Kind == authority.Init:
		return l.all
	case r.Unsigned:
		return l.nobody
	}
	var ways []string
	for _, option := range r.Options {
		var needs []string
		for _, n := range option {
			if n.Persons == authority.One {
				needs = append(needs, l.one[n.Role])
				continue
			}
			name, persons := threshold(n)
			needs = append(needs, fmt.Sprintf(l.threshold, l.roles[n.Role], name, persons))
		}
		ways = append(ways, strings.Join(needs, l.and))
	}
	return strings.Join(ways, l.or)
}

// table is the matrix of the manual in one language.
func table(t *testing.T, language int) string {
	t.Helper()
	text := tongues[language].head
	for _, r := range authority.Rules() {
		words, ok := kindWords[r.Kind]
		if !ok {
			t.Errorf("the manual has no words for %s", r.Kind)
		}
		text += fmt.Sprintf("| `%s` | %s | %s | %s |\n", r.Kind, words[language], tongues[language].who(r), r.Opcode)
	}
	return text
}

var matrixMarks = regexp.MustCompile(`(?s)(<!-- matrix: [^\n]* -->\n)(.*)(<!-- /matrix -->\n)`)

func TestManualHasTheMatrix(t *testing.T) {
	for language, name := range manuals {
		text := string(readFile(t, name))
		parts := matrixMarks.FindStringSubmatch(text)
		if parts == nil {
			t.Fatalf("%s has no marks of the matrix", name)
		}
		want := table(t, language)
		switch {
		case *update:
			writeManual(t, name, strings.Replace(text, parts[0], parts[1]+want+parts[3], 1))
		case parts[2] != want:
			t.Errorf("%s has\n%s\nwant\n%s\ngo test -run TestManualHasTheMatrix -update writes it", name, parts[2], want)
		}
	}
}

func writeManual(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestManualSaysWhatAnActIs: its example is the golden act, its tables have
// every field, form and code of a refused act.
func TestManualSaysWhatAnActIs(t *testing.T) {
	for _, name := range manuals {
		text := string(readFile(t, name))
		if !strings.Contains(text, "```json\n"+goldenAct+"\n```") {
			t.Errorf("the example of %s is not %s", name, goldenAct)
		}
		wants := []string{string(authority.SSH), string(authority.GMT35275), authority.Namespace}
		for _, f := range reflect.VisibleFields(reflect.TypeFor[authority.Act]()) {
			wants = append(wants, f.Tag.Get("json"))
		}
		for _, want := range wants {
			if !strings.Contains(text, "`"+want+"`") {
				t.Errorf("%s does not say `%s`", name, want)
			}
		}
		for code := protocol.RoleRefused; code <= protocol.Conflict; code++ {
			if want := fmt.Sprintf("| %d | `%s` |", code, protocol.NewError(code, "").Name); !strings.Contains(text, want) {
				t.Errorf("%s has no row %q", name, want)
			}
		}
	}
}

// fenced are the blocks of a language in the English manual; the Chinese one
// has the same.
func fenced(t *testing.T, language string) []string {
	t.Helper()
	blocks := regexp.MustCompile("(?s)\n```" + language + "\n(.*?)```")
	var all [2][]string
	for i, name := range manuals {
		for _, block := range blocks.FindAllStringSubmatch(string(readFile(t, name)), -1) {
			all[i] = append(all[i], block[1])
		}
	}
	if len(all[0]) == 0 || !reflect.DeepEqual(all[0], all[1]) {
		t.Fatalf("the manuals have other %s blocks:\n%q\n%q", language, all[0], all[1])
	}
	return all[0]
}

// desk is a directory with what an auditor has before him.
func desk(t *testing.T, s authority.Signature, officer string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"act": goldenAct, "content": `{"basis":"lost"}`, "value": s.Value, "officer.pub": officer + "\n", "officer.pem": officer} {
		writeFile(t, filepath.Join(dir, name), []byte(text))
	}
	return dir
}

// sh runs a block of the manual and returns what it says.
func sh(dir, block string) (string, error) {
	cmd := exec.Command("sh", "-euc", block)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestManualsCommandsJudgeSignatures: an honest one of each form is taken, and
// one over another act is not.
func TestManualsCommandsJudgeSignatures(t *testing.T) {
	blocks := fenced(t, "sh")
	if len(blocks) != 4 {
		t.Fatalf("%d blocks, want those of the content, of two forms and of r ‖ s", len(blocks))
	}
	signer, u := signerOf(t, ed25519Key(1)), newUKey(t, 1)
	sshDesk := desk(t, sshSignature(signAct(t, signer)), authorizedKey(t, signer.PublicKey()))
	gmDesk := desk(t, gmSignature(newMessage(u.certificate).sign(t, u.private, theAct)), certificatePEM(u.certificate.Raw))
	raw := newMessage(u.certificate)
	raw.raw = true
	rawDesk := desk(t, gmSignature(raw.sign(t, u.private, theAct)), certificatePEM(u.certificate.Raw))
	takeOut := strings.SplitAfter(blocks[2], "\n")
	rawBlock := takeOut[0] + takeOut[3] + blocks[3] // act.p7 and officer.key are there already where it stands
	if out, err := sh(sshDesk, blocks[0]); err != nil || !strings.Contains(out, authority.ContentHash([]byte(`{"basis":"lost"}`))) {
		t.Errorf("the content's digest: %s, %v", out, err)
	}
	for dir, c := range map[string]struct{ block, says string }{sshDesk: {blocks[1], `Good "signet-act" signature for officer`}, gmDesk: {blocks[2], "Verified OK"}, rawDesk: {rawBlock, "Verified OK"}} {
		if out, err := sh(dir, c.block); err != nil || !strings.Contains(out, c.says) {
			t.Errorf("an honest signature: %s, %v, want %q", out, err, c.says)
		}
		writeFile(t, filepath.Join(dir, "act"), append(theAct, '\n'))
		if out, err := sh(dir, c.block); err == nil || strings.Contains(out, c.says) {
			t.Errorf("a line end more: %s, %v", out, err)
		}
	}
}

// TestManualsProgramJudgesWhatOpenSSLCannot: attributes.
func TestManualsProgramJudgesWhatOpenSSLCannot(t *testing.T) {
	programs := fenced(t, "go")
	if len(programs) != 1 {
		t.Fatalf("%d programs", len(programs))
	}
	build := t.TempDir()
	source := writeFile(t, filepath.Join(build, "verify.go"), []byte(programs[0]))
	run(t, nil, "go", "build", "-o", filepath.Join(build, "verify"), source)
	u, other := newUKey(t, 1), newUKey(t, 2)
	for name, edit := range map[string]func(*message){
		"content":    func(*message) {},
		"attributes": func(m *message) { m.attributes = attributesOf(oidData, theAct) },
	} {
		for key, private := range map[string]*sm2.PrivateKey{"his": u.private, "another's": other.private} {
			m := newMessage(u.certificate)
			edit(&m)
			s := gmSignature(m.sign(t, private, theAct))
			dir := desk(t, s, certificatePEM(u.certificate.Raw))
			der, err := base64.StdEncoding.DecodeString(s.Value)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "act.p7"), der)
			out, err := sh(dir, filepath.Join(build, "verify"))
			if took := err == nil && strings.Contains(out, "Verified OK"); took != (key == "his") {
				t.Errorf("%s, by %s key: %s, %v", name, key, out, err)
			}
		}
	}
}
