package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"google.golang.org/protobuf/types/known/timestamppb"

	"signet/daemon/cmd/signetctl/internal/screen"
	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/register"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
	"signet/protocol/algo"
)

const theDocument = "合同正文"

func sm3Hex(text string) string {
	sum := sm3.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}

// asking is what a caller asks for: one document, twice.
func asking() register.Asking {
	return register.Asking{
		V: register.AskingVersion, Entry: "contract", UID: 20001, Made: "2026-11-22T10:00:00Z", Nonce: strings.Repeat("0", 32),
		Purpose: "contract", Justification: "采购 2026-17", Person: "zhang", Dept: "sales", DocID: "d-9", DocNo: "HT-7", Pages: 12,
		Form: policy.ByDocument, DocSM3: sm3Hex(theDocument), Count: 2, From: "2026-11-22T10:00:00Z", Until: "2026-11-23T10:00:00Z", Persons: 2,
	}
}

// asks has the appliance hold an approval of that content, as a daemon that
// tells the truth does, and returns it.
func (a *appliance) asks(c register.Asking) admin.Approval {
	a.t.Helper()
	content, err := c.Marshal()
	if err != nil {
		a.t.Fatal(err)
	}
	from, until, err := c.Window()
	if err != nil {
		a.t.Fatal(err)
	}
	told := admin.Approval{
		ID: register.ApprovalID(content), Entry: c.Entry, State: "pending", UID: c.UID, Event: 51,
		Purpose: c.Purpose, Justification: c.Justification, Person: c.Person, Dept: c.Dept, DocID: c.DocID, DocNo: c.DocNo, Pages: c.Pages,
		Form: c.Form.String(), DocSM3: c.DocSM3, RefsSM3: c.RefsSM3, Digests: append([]string{}, c.Digests...),
		Made: from, From: from, Until: until, Count: c.Count, Persons: c.Persons, Grants: []admin.ApprovalGrant{}, Request: a.keep(string(content)),
	}
	a.tells(told)
	return told
}

func (a *appliance) tells(told admin.Approval) {
	a.answer[admin.PathApprovals+"/"+told.ID] = told
	a.answer[admin.PathApprovals] = admin.Approvals{Approvals: []admin.Approval{told}}
}

func TestARequestIsShownWithAllThatCanBeChecked(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	got := a.ctl("", "approval", "show", told.ID)
	got.want(t, exitOK, "contract", "采购 2026-17", "zhang", "sales", "d-9", "HT-7", "12", "uid 20001, 2026-11-22T10:00:00Z", "one document", told.DocSM3, told.Request,
		"pending", "0 of 2", "0 of 2 have granted", "51", "next: signetctl approval grant "+told.ID+" --file FILE, or signetctl approval deny "+told.ID)
	a.ctl("zh_CN.UTF-8", "approval", "show", told.ID).want(t, exitOK, "申请理由", "待决定", "已授权 0 人，须 2 人")
	told.State, told.Used, told.Count, told.Grants = "granted", 1, 1, []admin.ApprovalGrant{{By: []string{"zhang", "cora"}, Event: 60}, {By: []string{"zhang"}, Event: 61}}
	told.Ended = &admin.ApprovalEnd{By: []string{"li"}, Basis: "withdrawn", Event: 62}
	a.tells(told)
	a.ctl("", "approval", "show", told.ID).want(t, exitOK, "granted", "1 of 1", "2 of 2 have granted", "zhang, cora (event 60)", "withdrawn", "li (event 62)")
	var out admin.Approval
	if got := a.ctl("", "approval", "show", told.ID, "--json"); json.Unmarshal([]byte(got.out), &out) != nil || !reflect.DeepEqual(out, told) {
		t.Errorf("as JSON it is %s", got.out)
	}
	a.ctl("", "approval", "show", "0123456789abcdef").want(t, exitNotFound)
}

// A daemon that shows custodians another request than the one that their act
// names is found out, whatever field it changes.
func TestARequestThatIsToldOtherwiseIsNotShown(t *testing.T) {
	evil := "elsewhere"
	for name, edit := range map[string]func(*admin.Approval){
		"id": func(x *admin.Approval) { x.ID = strings.Repeat("0", 16) }, "entry": func(x *admin.Approval) { x.Entry = evil }, "uid": func(x *admin.Approval) { x.UID++ },
		"made": func(x *admin.Approval) { x.Made = x.Made.Add(time.Second) }, "purpose": func(x *admin.Approval) { x.Purpose = evil },
		"justification": func(x *admin.Approval) { x.Justification = evil }, "person": func(x *admin.Approval) { x.Person = evil },
		"dept": func(x *admin.Approval) { x.Dept = evil }, "doc_id": func(x *admin.Approval) { x.DocID = evil }, "doc_no": func(x *admin.Approval) { x.DocNo = evil },
		"pages": func(x *admin.Approval) { x.Pages = 1 }, "form": func(x *admin.Approval) { x.Form = "count" }, "doc_sm3": func(x *admin.Approval) { x.DocSM3 = sm3Hex(evil) },
		"refs_sm3": func(x *admin.Approval) { x.RefsSM3 = sm3Hex(evil) }, "digests": func(x *admin.Approval) { x.Digests = []string{sm3Hex(evil)} },
		"from": func(x *admin.Approval) { x.From = x.From.Add(-time.Hour) }, "until": func(x *admin.Approval) { x.Until = x.Until.Add(time.Hour) },
		"count": func(x *admin.Approval) { x.Count++ }, "persons": func(x *admin.Approval) { x.Persons = 1 },
	} {
		a := newAppliance(t)
		told := a.asks(asking())
		id := told.ID
		edit(&told)
		a.answer[admin.PathApprovals+"/"+id] = told
		for _, verb := range []string{"show " + id, "grant " + id, "deny " + id + " --why x", "revoke " + id + " --why x"} {
			got := a.ctl("", append([]string{"approval"}, strings.Fields(verb)...)...)
			got.want(t, exitVerification, "otherwise than what was asked for: ", name)
			if strings.Contains(got.out, told.Justification) || len(a.acts) != 0 {
				t.Errorf("%s: shown, or handed in:\n%s", name, got.out)
			}
		}
	}
	a := newAppliance(t)
	told := a.asks(asking())
	other := asking()
	other.Justification = evil
	content, err := other.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	a.answer[contentPath(told.Request)] = admin.Content{Hash: told.Request, Content: string(content)}
	a.ctl("", "approval", "show", told.ID).want(t, exitVerification, "its SM3 is")
	// A request of another id, whole and true in itself.
	wrong := a.asks(other)
	a.answer[admin.PathApprovals+"/"+told.ID] = wrong
	a.ctl("", "approval", "show", told.ID).want(t, exitVerification, "id")
	told.Request = a.keep("no request")
	a.tells(told)
	a.ctl("", "approval", "show", told.ID).want(t, exitVerification, "none that this program reads")
}

func TestAFileIsHeldAgainstTheRequest(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	right, wrong := writeFile(t, "a.pdf", theDocument), writeFile(t, "b.pdf", theDocument+" ")
	a.ctl("", "approval", "show", told.ID, "--file", right).want(t, exitOK, "MATCH", told.DocSM3, "a.pdf")
	got := a.ctl("", "approval", "show", told.ID, "--file", wrong)
	got.want(t, exitVerification, "NO MATCH", "1 of 1 files are NOT", "next: signetctl approval deny "+told.ID)
	a.ctl("zh_CN.UTF-8", "approval", "show", told.ID, "--file", right, "--file", wrong).want(t, exitVerification, "相符", "不相符", "有 1 个（共 2 个）")
	a.ctl("", "approval", "show", told.ID, "--file", right, "--json").want(t, exitOK, `"files":[{"file":"`+right+`","match":true,"value":"`+told.DocSM3+`"}]`)
	a.ctl("", "approval", "show", told.ID, "--file", wrong, "--json").want(t, exitVerification, `"match":false`, `"exit":8`)
	a.ctl("", "approval", "show", told.ID, "--ofd", right).want(t, exitUsage, "use --file")
	a.ctl("", "approval", "show", told.ID, "--file", "-").want(t, exitUsage, "name a file")
	a.ctl("", "approval", "show", told.ID, "--file", "/nowhere/f").want(t, exitUsage, "there is no file")
	count := asking()
	count.Form, count.DocSM3, count.Count = policy.ByCount, "", 500
	told = a.asks(count)
	a.ctl("", "approval", "show", told.ID).want(t, exitOK, "NOTHING: any document")
	a.ctl("", "approval", "show", told.ID, "--file", right).want(t, exitUsage, "nothing to compare")
}

// anOFD is a package of these parts.
func anOFD(t *testing.T, parts ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		f, err := w.Create(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(parts[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "x.ofd", b.String())
}

func TestTheStampedFileMatchesWhatWasApprovedUnsigned(t *testing.T) {
	a := newAppliance(t)
	unsigned := anOFD(t, "OFD.xml", "<a/>", "Doc_0/Document.xml", "<d/>", "Doc_0/Pages/Page_0/Content.xml", "text")
	signed := anOFD(t, "OFD.xml", "<a signed/>", "Doc_0/Document.xml", "<d/>", "Doc_0/Pages/Page_0/Content.xml", "text", "Doc_0/Signs/Sign_0/Signature.xml", "<s/>")
	other := anOFD(t, "OFD.xml", "<a/>", "Doc_0/Document.xml", "<d/>", "Doc_0/Pages/Page_0/Content.xml", "another text", "Doc_0/more.xml", "")
	refs, err := readOFD(unsigned)
	if err != nil {
		t.Fatal(err)
	}
	sum := refs.SM3()
	c := asking()
	c.Form, c.DocSM3, c.RefsSM3 = policy.ByReferences, "", hex.EncodeToString(sum[:])
	told := a.asks(c)
	a.ctl("", "approval", "show", told.ID, "--ofd", unsigned, "--file", signed).want(t, exitOK, "MATCH", c.RefsSM3)
	got := a.ctl("", "approval", "show", told.ID, "--ofd", unsigned, "--ofd", other)
	got.want(t, exitVerification, "NO MATCH", "parts that differ", "/Doc_0/Pages/Page_0/Content.xml", "/Doc_0/more.xml")
	if strings.Contains(got.out, "/Doc_0/Document.xml") {
		t.Errorf("a part that is the same is named:\n%s", got.out)
	}
	a.ctl("", "approval", "show", told.ID, "--file", writeFile(t, "x.ofd", "no zip")).want(t, exitUsage, "cannot be read as an OFD")
}

// withKey gives the appliance the public key of entry "contract" for officers,
// too.
func (a *appliance) withKey() algo.PublicKey {
	pub := a.withSM2Key()
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", Class: "key", Status: "active", KeyType: "SM2", PublicKey: string(pub.PEM())}
	return pub
}

func TestDigestsAreThoseThatSignComputes(t *testing.T) {
	a := newAppliance(t)
	pub := a.withKey()
	e, err := algo.SM2E(pub, []byte(theDocument))
	if err != nil {
		t.Fatal(err)
	}
	c := asking()
	c.Form, c.DocSM3, c.Digests = policy.ByDigests, "", []string{hex.EncodeToString(e), sm3Hex("another value")}
	told := a.asks(c)
	right, wrong := writeFile(t, "a.pdf", theDocument), writeFile(t, "b.pdf", "x")
	a.ctl("", "approval", "show", told.ID, "--file", right).want(t, exitOK, "MATCH", c.Digests[0], "no file was shown for 1 of 2 values")
	a.ctl("", "approval", "show", told.ID, "--file", right, "--file", wrong).want(t, exitVerification, "NO MATCH", "1 of 2 files")
	a.own = &protocol.ApprovalInfo{Id: told.ID, Entry: "contract"}
	a.ctl("", "approval", "request", "contract", "--purpose", "contract", "--user-id", "zhang", "--justification", "x", "--digest-of", right).want(t, exitOK)
	if r := a.requests[0]; r.Form != protocol.ApprovalForm_BY_DIGESTS || len(r.Digests) != 1 || !bytes.Equal(r.Digests[0], e) {
		t.Errorf("asked for %v, want %x", r, e)
	}
	// Which algorithm will be used is not said: each of the key's is tried.
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if pub, err = algo.NewPublicKey(&key.PublicKey); err != nil {
		t.Fatal(err)
	}
	a.answer[admin.PathEntries+"/contract"] = admin.Entry{ID: "contract", PublicKey: string(pub.PEM())}
	c.Digests, c.Count = []string{"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", // SHA-256 of foo
		"f7fbba6e0636f890e56fbbf3283e524c6fa3204ae298382d624741d0dc6638326e282c41be5e4254d8820772c5518a2c5a8c0c7f7eda19594a7eb539453e1ed7"}, 2 // SHA-512
	told = a.asks(c)
	a.ctl("", "approval", "show", told.ID, "--file", writeFile(t, "foo", "foo")).want(t, exitOK, "MATCH", c.Digests[0])
}

func TestACallerAsksForAnApproval(t *testing.T) {
	a := newAppliance(t)
	file := writeFile(t, "a.pdf", theDocument)
	a.own = &protocol.ApprovalInfo{
		Id: "0123456789abcdef", Entry: "contract", State: protocol.ApprovalState_APPROVAL_PENDING, Form: protocol.ApprovalForm_BY_DOCUMENT, Count: 3, Persons: 2,
		NotBefore: timestamppb.New(applianceTime), NotAfter: timestamppb.New(applianceTime.Add(time.Hour)), Request: bytes.Repeat([]byte{0xab}, 32),
	}
	needed := []string{"approval", "request", "contract", "--purpose", "contract", "--user-id", "zhang", "--justification", "采购"}
	args := append(needed, "--dept", "sales", "--doc-id", "d-9", "--doc-no", "HT-7", "--doc-pages", "12", "--file", file, "--count", "3",
		"--from", "2126-11-22T10:00:00Z", "--for", "1h", "--request-id", "r1")
	a.ctl("", args...).want(t, exitOK, "0123456789abcdef", "pending", "document", "0 of 3", "0 of 2 have granted", aHash,
		"next: tell the custodian: signetctl approval show 0123456789abcdef --file "+file)
	r := a.requests[0]
	sum := sm3.Sum([]byte(theDocument))
	want := &protocol.Context{Purpose: "contract", UserId: "zhang", Dept: "sales", DocId: "d-9", DocNo: "HT-7", Pages: 12, DocSm3: sum[:]}
	if r.Entry != "contract" || r.Justification != "采购" || r.Form != protocol.ApprovalForm_BY_DOCUMENT || r.Count != 3 || r.RequestId != "r1" || r.Context.String() != want.String() {
		t.Errorf("asked for %v", r)
	}
	if from, until := r.NotBefore.AsTime(), r.NotAfter.AsTime(); from.Format(time.RFC3339) != "2126-11-22T10:00:00Z" || until.Sub(from) != time.Hour {
		t.Errorf("asked for %v to %v", from, until)
	}
	a.ctl("zh_CN.UTF-8", args...).want(t, exitOK, "待决定", "请告知印章保管人", "请求标识 r1 的已记录应答")
	a.ctl("", append(args, "--json")...).want(t, exitOK, `"id":"0123456789abcdef","entry":"contract","state":"pending","form":"document","count":3,"used":0,"persons":2,"granted":0,`, `"event":51,"repeated":true`)

	a.ctl("", append(needed, "--count", "500")...).want(t, exitOK, "next: tell the custodian: signetctl approval show 0123456789abcdef")
	if r := a.requests[len(a.requests)-1]; r.Form != protocol.ApprovalForm_BY_COUNT || r.Count != 500 || r.NotBefore != nil || r.NotAfter != nil || len(r.Context.DocSm3) != 0 {
		t.Errorf("asked for %v", r)
	}
	ofd := anOFD(t, "OFD.xml", "<a/>", "Doc_0/Document.xml", "<d/>")
	refs, err := readOFD(ofd)
	if err != nil {
		t.Fatal(err)
	}
	refsSM3 := refs.SM3()
	a.ctl("", append(needed, "--ofd", ofd, "--until", "2126-11-23T10:00:00Z")...).want(t, exitOK)
	if r := a.requests[len(a.requests)-1]; r.Form != protocol.ApprovalForm_BY_REFERENCES || !bytes.Equal(r.RefsSm3, refsSM3[:]) || r.NotAfter.AsTime().Format(time.RFC3339) != "2126-11-23T10:00:00Z" {
		t.Errorf("asked for %v", r)
	}
}

// A caller may not look at what officers look at: he is told of his own.
func TestACallerIsToldWhatBecameOfHisRequest(t *testing.T) {
	a := newAppliance(t)
	a.own = &protocol.ApprovalInfo{Id: "0123456789abcdef", Entry: "contract", State: protocol.ApprovalState_APPROVAL_DENIED, Form: protocol.ApprovalForm_BY_COUNT, Reason: "not the draft"}
	a.refusing = "both"
	a.ctl("", "approval", "show", "0123456789abcdef").want(t, exitOK, "denied", "not the draft", "as told to the caller")
	a.ctl("", "approval", "show", "0123456789abcdef", "--json").want(t, exitOK, `"state":"denied","reason":"not the draft","form":"count"`)
	a.ctl("", "approval", "show", "ffffffffffffffff").want(t, exitNotFound)
	a.ctl("", "approval", "show", "0123456789abcdef", "--file", writeFile(t, "f", "x")).want(t, exitRefused, "600 role")
	for _, name := range []string{"admin", "audit"} {
		if err := os.Remove(a.socket(name)); err != nil {
			t.Fatal(err)
		}
	}
	a.ctl("zh_CN.UTF-8", "approval", "show", "0123456789abcdef").want(t, exitOK, "已拒绝", "以应用系统身份所见")
	if err := os.Remove(a.socket("sign")); err != nil {
		t.Fatal(err)
	}
	a.ctl("", "approval", "show", "0123456789abcdef").want(t, exitUnreachable, a.socket("admin"))
}

func TestSignNamesItsApproval(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	a.ctl("", "sign", "contract", "--file", writeFile(t, "f", "x"), "--approval", "0123456789abcdef").want(t, exitOK)
	if a.asked[0].Approval != "0123456789abcdef" {
		t.Errorf("asked with approval %q", a.asked[0].Approval)
	}
}

func TestApprovalsAreListed(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	got := a.ctl("", "approval", "list", "--entry", "contract", "--state", "pending")
	got.want(t, exitOK, told.ID, "pending", "contract", "20001", "document", "0/2", "next: signetctl approval show "+told.ID)
	a.ctl("zh_CN.UTF-8", "approval", "list").want(t, exitOK, "待决定", "授权人数")
	a.ctl("", "approval", "list", "--json").want(t, exitOK, `{"approvals":[{"id":"`+told.ID)
	told.State, told.Used, told.Count, told.Grants = "granted", 3, 3, []admin.ApprovalGrant{{By: []string{"zhang"}}}
	a.answer[admin.PathApprovals] = admin.Approvals{Approvals: []admin.Approval{told}, More: true}
	a.ctl("", "approval", "list").want(t, exitOK, "used up", "1/2", "3/3", "there are more")
	a.answer[admin.PathApprovals] = admin.Approvals{}
	a.ctl("", "approval", "list").want(t, exitOK, "no such approvals")
}

// The longest of each column leaves the table in its columns.
func TestTheListOfApprovalsFits(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	told.Entry, told.Purpose, told.UID, told.Form, told.Count = strings.Repeat("e", 64), strings.Repeat("p", 32), 4294967294, "references", protocol.MaxApprovalCount
	a.tells(told)
	for _, lang := range []string{"C", "zh_CN.UTF-8"} {
		got := a.ctl(lang, "approval", "list")
		got.want(t, exitOK, told.ID, "4294967294", "0/1000000")
		for line := range strings.Lines(got.out) {
			if screen.Width(strings.TrimSuffix(line, "\n")) > screen.Columns {
				t.Errorf("too wide: %q", line)
			}
		}
	}
}

// What to type after a request that is not there, or that is decided already.
func TestApprovalsThatCannotBeDecidedSayWhereToLook(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	a.ctl("", "approval", "show", "0123456789abcdef").want(t, exitNotFound, "next: signetctl approval list")
	a.fault[admin.PathActs] = protocol.NewError(protocol.Conflict, "the approval is granted")
	for _, verb := range [][]string{{"grant", told.ID}, {"deny", told.ID, "--why", "x"}, {"revoke", told.ID, "--why", "x"}} {
		a.ctl("", append([]string{"approval"}, verb...)...).want(t, exitConflict, "next: signetctl approval show "+told.ID)
	}
	own := newAppliance(t)
	own.refusing = "both"
	own.ctl("", "approval", "show", "0123456789abcdef").want(t, exitNotFound, "next: signetctl approval request ENTRY --help")
}

// A document system is not to be let into what officers use.
func TestACallerIsNotAdvisedToBecomeAnOfficer(t *testing.T) {
	closed := newProgram(nil, nil, nil, func(string) string { return "" }).neitherPermitted()
	if !isClosed(closed) || isClosed(protocol.RoleRefused) {
		t.Error("which sockets are closed is not told from who may not read")
	}
	for _, json := range []bool{false, true} {
		p := newProgram(nil, nil, nil, func(string) string { return "" })
		p.json = json
		r := p.report(&advised{closed, hintApprovalOwn, []any{"ID"}})
		if !strings.HasPrefix(r.next, "signetctl approval show ID") || strings.Contains(r.next, "usermod") {
			t.Errorf("it says to type %q", r.next)
		}
	}
}

func TestARequestWhoseTimeIsOverIsNotSent(t *testing.T) {
	a := newAppliance(t)
	needed := []string{"approval", "request", "contract", "--purpose", "contract", "--user-id", "zhang", "--justification", "x", "--count", "1"}
	for name, c := range map[string]struct {
		want  string
		flags []string
	}{
		"ended":           {"want an end to come", []string{"--until", "2026-11-22T10:00:00Z"}},
		"ended in a span": {"want an end to come", []string{"--from", "2026-01-01T00:00:00Z", "--for", "1h"}},
		"backwards":       {"before it begins", []string{"--from", "2126-11-22T10:00:00Z", "--until", "2126-11-22T10:00:00Z"}},
	} {
		if got := a.ctl("", append(needed, c.flags...)...); got.status != exitUsage || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: status %d, %s", name, got.status, got.err)
		}
	}
	if len(a.requests) != 0 {
		t.Errorf("%d requests were sent", len(a.requests))
	}
}

// Who can grant follows from the entry, not from the table of acts alone.
func TestThePlanOfAGrantNamesWhoCanGrant(t *testing.T) {
	a := newAppliance(t)
	a.withOfficers(1)
	told := a.asks(asking())
	plan := func() run { return a.ctl("", "approval", "grant", told.ID, "--plan") }
	plan().want(t, exitOK, "1 × custodian, or 1 × security officer") // nothing is known of the entry
	e := admin.Entry{ID: "contract", Custodians: []string{"cora", "dan"}}
	a.answer[admin.PathEntries+"/contract"] = e
	got := plan()
	got.want(t, exitOK, "1 × custodian (cora, dan)")
	if strings.Contains(got.out, "security officer") {
		t.Errorf("it names who cannot grant:\n%s", got.out)
	}
	lists := goodPolicy + "[approvals]\npersons = 1\ncustodians = [%s]\nforms = [\"document\"]\nmost = 9\nlongest = \"24h\"\n"
	a.answer[admin.PathEntries+"/contract/policy"] = admin.Policy{Entry: "contract", Rev: 1, Text: fmt.Sprintf(lists, `"dan", "eve"`)}
	plan().want(t, exitOK, "1 × custodian (dan)")
	a.answer[admin.PathEntries+"/contract/policy"] = admin.Policy{Entry: "contract", Rev: 1, Text: fmt.Sprintf(lists, `"eve"`)}
	plan().want(t, exitOK, "nobody: the policy counts no custodian")
	e.Custodians = nil
	a.answer[admin.PathEntries+"/contract"] = e
	got = plan()
	got.want(t, exitOK, "1 × security officer (eve)")
	if strings.Contains(got.out, "× custodian") {
		t.Errorf("it names a role that nobody has:\n%s", got.out)
	}
	a.ctl("zh_CN.UTF-8", "approval", "grant", told.ID, "--plan", "--json").want(t, exitOK, `"signed_by":"1 × security officer (eve)"`)
}

// An approval is consumed by a use, and by nothing else that names it.
func TestTheEventsOfAnApprovalSayWhatBecameOfIt(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	a.record(audit.Event{Kind: audit.KindSign, Entry: "contract", Approval: told.ID, Result: audit.Allowed})
	a.record(audit.Event{Kind: audit.KindSign, Entry: "contract", Approval: told.ID, Result: audit.Refused})
	a.record(audit.Event{Kind: audit.KindApproval, Entry: "contract", Approval: told.ID, Value: told.Request, Result: audit.Allowed})
	a.record(audit.Event{Kind: audit.KindAct, Entry: "contract", Approval: told.ID, Result: audit.Allowed})
	for seq, want := range []string{"(approval consumed)", "(approval named)", "(approval asked for)", "(approval decided on)"} {
		if got := a.ctl("", "log", "show", strconv.Itoa(seq)); !strings.Contains(got.out, want) {
			t.Errorf("event %d does not say %s:\n%s", seq, want, got.out)
		}
	}
}

func TestARefusalByApprovalSaysHowToGoOn(t *testing.T) {
	a := newAppliance(t)
	a.withSM2Key()
	file := writeFile(t, "f", "x")
	for _, c := range []struct {
		code  protocol.Code
		flags []string
		want  string
	}{
		{protocol.ApprovalNeeded, nil, "signetctl approval request contract --help"},
		{protocol.ApprovalNeeded, []string{"--approval", "0123456789abcdef"}, "signetctl approval show 0123456789abcdef"},
		{protocol.ApprovalDenied, []string{"--approval", "0123456789abcdef"}, "signetctl approval request contract --help"},
	} {
		a.sign = func(*protocol.SignRequest) (*protocol.Signed, *protocol.Error) {
			return nil, protocol.NewError(c.code, "")
		}
		args := append([]string{"sign", "contract", "--file", file}, c.flags...)
		if got := a.ctl("", args...); !strings.Contains(got.err, "next: "+c.want) {
			t.Errorf("%v with %q: %s", c.code, c.flags, got.err)
		}
		a.ctl("zh_CN.UTF-8", append(args, "--json")...).want(t, statusOf(protocol.NewError(c.code, "")), `"next":"`+c.want+`"`)
	}
}

func TestCustodiansDecideByActs(t *testing.T) {
	a, zhang := newAppliance(t), newPerson(t, 1, "")
	a.withOfficers(1)
	a.result.Entry = &admin.Entry{ID: "contract", Title: "unchanged by this"}
	told := a.asks(asking())
	file := writeFile(t, "a.pdf", theDocument)
	decide := func(line string, want authority.Kind, content any) run {
		t.Helper()
		a.acts = nil
		got := a.ctl("", append(strings.Fields(line), "--sign", zhang.file, "--yes")...)
		got.want(t, exitOK, string(want)+" contract: done", "signetctl approval show "+told.ID)
		made(t, a.acts[0], zhang)
		act := actOf(t, a.acts[0])
		if act.Kind != want || act.Target != "contract" || a.acts[0].Content != canonicalText(t, content) {
			t.Errorf("%s: %s on %s with %s", line, act.Kind, act.Target, a.acts[0].Content)
		}
		return got
	}
	grant := "approval grant " + told.ID
	shown := decide(grant+" --file "+file, authority.ApprovalGrant, authority.GrantApproval{Approval: told.ID, Request: told.Request})
	shown.want(t, exitOK, "MATCH", "grant an approval (approval.grant)", "as many as were asked for", "采购 2026-17", told.DocSM3)
	if strings.Contains(shown.out, "unchanged") {
		t.Errorf("an entry that is what it was is shown:\n%s", shown.out)
	}
	if strings.Contains(shown.out, "采购") {
		t.Errorf("what is signed is shown on standard output:\n%s", shown.out)
	}
	decide(grant+" --count 1 --until 2026-11-23T00:00:00+08:00", authority.ApprovalGrant,
		authority.GrantApproval{Approval: told.ID, Request: told.Request, Count: 1, Until: "2026-11-22T16:00:00Z"}).want(t, exitOK, "no file was held against it")
	decide("approval deny "+told.ID+" --why draft", authority.ApprovalDeny, authority.EndApproval{Approval: told.ID, Request: told.Request, Basis: "draft"}).want(t, exitOK, "采购 2026-17", "draft")
	decide("approval revoke "+told.ID+" --why withdrawn", authority.ApprovalRevoke, authority.EndApproval{Approval: told.ID, Request: told.Request, Basis: "withdrawn"})
	a.acts = nil
	a.ctl("", grant, "--file", file)
	for line, want := range map[string]string{
		grant + " --count 3":                    "2 uses were asked for",
		grant + " --until 2026-11-24T00:00:00Z": "want an instant from",
		grant + " --until 2026-11-21T00:00:00Z": "want an instant from",
	} {
		a.ctl("", append(strings.Fields(line), "--sign", zhang.file, "--yes")...).want(t, exitUsage, want)
	}
	other := writeFile(t, "b.pdf", "another")
	a.ctl("", append(strings.Fields(grant+" --file "+other), "--sign", zhang.file, "--yes")...).want(t, exitVerification, "NO MATCH", "are NOT what approval")
	a.ctl("", append(strings.Fields(grant+" --file "+other), "--json", "--sign", zhang.file, "--yes")...).want(t, exitVerification)
	if len(a.acts) != 0 {
		t.Errorf("%d acts were handed in", len(a.acts))
	}
	a.ctl("", append(strings.Fields(grant), "--plan")...).want(t, exitOK, "what was asked for", "采购 2026-17", "1 × custodian, or 1 × security officer", "the caller can sign")
	digests := asking()
	digests.Form, digests.DocSM3, digests.Digests = policy.ByDigests, "", []string{sm3Hex("1"), sm3Hex("2")}
	told = a.asks(digests)
	a.ctl("", "approval", "grant", told.ID, "--count", "1").want(t, exitUsage, "all or not at all")
}

// An act that names one request is not signed by somebody who reads another.
func TestAnActAboutAnotherRequestIsNotSigned(t *testing.T) {
	a, zhang, cora := newAppliance(t), newPerson(t, 1, ""), newPerson(t, 2, "")
	a.withOfficers(2)
	told := a.asks(asking())
	a.ctl("", "approval", "grant", told.ID, "--sign", zhang.file, "--yes").want(t, exitMore)
	nonce := actOf(t, a.acts[0]).Nonce
	a.ctl("", "act", "show", nonce).want(t, exitOK, "what was asked for", "采购 2026-17")
	forged := authority.GrantApproval{Approval: told.ID, Request: sm3Hex("another")}
	for name, edit := range map[string]func(*authority.Act, *any){
		"another request": func(act *authority.Act, content *any) { *content = forged },
		"another entry":   func(act *authority.Act, _ *any) { act.Target = "official" },
	} {
		act, content := actOf(t, a.acts[0]), any(authority.GrantApproval{Approval: told.ID, Request: told.Request})
		edit(&act, &content)
		text := canonicalText(t, content)
		act.ContentSHA = authority.ContentHash([]byte(text))
		raw, err := act.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		file := writeFile(t, "a.act", mustFormat(t, admin.ActRequest{Act: string(raw), Content: text}))
		got := a.ctl("", "act", "sign", file, "--sign", cora.file, "--yes")
		got.want(t, exitVerification, "is about another request")
		if data, err := os.ReadFile(file); err != nil || strings.Contains(string(data), "SSH SIGNATURE") {
			t.Errorf("%s was signed: %s, %v", name, data, err)
		}
	}
	a.fault[admin.PathApprovals+"/"+told.ID] = protocol.NewError(protocol.RoleRefused, "")
	a.ctl("", "act", "show", nonce).want(t, exitOK, "cannot be shown here")
}

// Whoever asks writes what custodians read: it must not drive their terminal,
// nor pass for a line of this program.
func TestWhatIsAskedForDoesNotDriveTheTerminal(t *testing.T) {
	evil := "a\x1b[2J\u202e\nSM3 of the document  forged"
	a := newAppliance(t)
	c := asking()
	c.Justification, c.Person, c.Dept, c.DocID, c.DocNo, c.Purpose = evil, evil, evil, evil, evil, evil
	told := a.asks(c)
	told.State, told.Grants, told.Ended = evil, []admin.ApprovalGrant{{By: []string{evil}}}, &admin.ApprovalEnd{By: []string{evil}, Basis: evil}
	a.tells(told)
	for _, line := range []string{"approval show " + told.ID, "approval list", "approval grant " + told.ID + " --plan"} {
		got := a.ctl("", strings.Fields(line)...)
		for shown := range strings.Lines(got.out + got.err) {
			shown = strings.TrimSuffix(shown, "\n")
			if screen.Clean(shown) != shown || strings.HasPrefix(shown, "SM3 of the document  forged") || screen.Width(shown) > screen.Columns && !strings.Contains(shown, "next:") {
				t.Errorf("%s wrote %q", line, shown)
			}
		}
	}
}

func TestTheEventOfARequestShowsWhatWasAskedFor(t *testing.T) {
	a := newAppliance(t)
	told := a.asks(asking())
	a.record(audit.Event{Kind: audit.KindApproval, Entry: "contract", Approval: told.ID, Value: told.Request, Result: audit.Allowed})
	a.ctl("", "log", "show", "0").want(t, exitOK, "leaf hash", "whose SM3 is the value of the event", "  justification        采购 2026-17", told.DocSM3)
	a.ctl("zh_CN.UTF-8", "log", "show", "0").want(t, exitOK, "请求内容", "申请理由")
	if got := a.ctl("", "log", "show", "0", "--json"); got.out != a.lines[0]+"\n" {
		t.Errorf("as JSON it is %q, want the leaf alone", got.out)
	}
	a.answer[contentPath(told.Request)] = admin.Content{Hash: told.Request, Content: "{}"}
	got := a.ctl("", "log", "show", "0")
	got.want(t, exitVerification, told.Request)
	if strings.Contains(got.out, "justification") {
		t.Errorf("another request is shown:\n%s", got.out)
	}
	delete(a.answer, contentPath(told.Request))
	a.ctl("", "log", "show", "0").want(t, exitNotFound, "event 0", told.Request)
}
