package daemon

import (
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/emmansun/gmsm/sm3"

	"signet/daemon/internal/authority"
	"signet/hsm"
	"signet/policy"
	"signet/protocol"
	"signet/protocol/admin"
)

func (s *Server) getStatus(visit) (any, *protocol.Error) { return s.status(), nil }

// status is how the appliance is now. It waits for no token, no disk and no
// lock that is held over one.
func (s *Server) status() admin.Status {
	cond := s.condition()
	out := admin.Status{
		Mode: cond.mode.String(), Reason: cond.reason, Mend: cond.mend, Name: s.name, Version: s.version, PID: os.Getpid(),
		Started: s.started.UTC(), Now: s.sources.Real().UTC(), Clock: clockName(policy.UnknownClock), Sync: s.sources.Sync().String(),
		Entries: []admin.Count{}, Tokens: s.tokenList(), Warnings: s.warningList(),
	}
	if a := s.appliance(); a != nil {
		a.fillStatus(&out)
	}
	return out
}

func (s *Server) warningList() []string {
	s.mu.Lock()
	warnings := append([]string{}, s.warnings...)
	s.mu.Unlock()
	for _, t := range s.tokens.status() {
		if !t.Pinned {
			warnings = append(warnings, "module not pinned: "+t.Module+" has no sha256 in signetd.toml")
		}
		if !t.Production {
			warnings = append(warnings, "token "+t.Name+" is not for production (profile "+t.Profile+")")
		}
	}
	slices.Sort(warnings)
	return slices.Compact(warnings)
}

func (a *appliance) fillStatus(out *admin.Status) {
	at := a.store.Position()
	out.Appliance, out.Authority = a.id, string(a.genesis.Authority)
	out.Crypto, out.Deployment = a.genesis.Crypto, a.genesis.Deployment
	out.Events, out.Root = at.Size, hex.EncodeToString(at.Root[:])
	out.Clock = clockName(a.instant().Clock)
	counts := map[string]int{}
	for _, acct := range a.book.all() {
		counts[acct.entry.Status()]++
		if token := acct.key.Token; token != "" && a.tokens.byName[token] == nil {
			out.Warnings = append(out.Warnings, "entry "+acct.entry.ID+": its token "+token+" is not in signetd.toml")
		}
		for _, stale := range acct.policy.Stale() {
			out.Warnings = append(out.Warnings, "policy of "+acct.entry.ID+": "+stale.String())
		}
	}
	out.Warnings = append(append(out.Warnings, a.troubles.list()...), a.selfTests.list()...)
	out.Warnings = append(out.Warnings, endingOfficers(a.roster.roll(), out.Now)...)
	if why := a.troubles.recordTrouble(); why != "" && out.Reason == "" {
		out.Reason, out.Mend = "nothing is signed, because nothing can be recorded: "+why, "make room on the file system of the state directory; signing goes on by itself"
	}
	for status, n := range counts {
		out.Entries = append(out.Entries, admin.Count{Status: status, Count: n})
	}
	slices.SortFunc(out.Entries, func(x, y admin.Count) int { return compareText(x.Status, y.Status) })
	if a.genesis.Authority == authority.Development {
		out.Warnings = append(out.Warnings, "authority development: acts are taken unsigned from members of the admin group")
	}
	if a.genesis.Crypto == "mixed" {
		out.Warnings = append(out.Warnings, "crypto mixed: keys and log are not held to SM2, SM3 and SM4")
	}
}

func compareText(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

func (s *Server) getTokens(visit) (any, *protocol.Error) {
	return admin.Tokens{Tokens: s.tokenList()}, nil
}

func (s *Server) tokenList() []admin.Token {
	list := []admin.Token{}
	for _, t := range s.tokens.status() {
		list = append(list, describeToken(t))
	}
	return list
}

func describeToken(t hsm.TokenStatus) admin.Token {
	return admin.Token{
		Name: t.Name, Module: t.Module, URI: t.URI, State: t.State.String(), Since: t.Since, LastError: t.LastError, Mend: t.Mend,
		Open: t.Open, Configured: t.Configured, Hung: t.Hung, Manufacturer: t.Manufacturer, Model: t.Model, Serial: t.Serial,
		Firmware: t.Firmware, Profile: t.Profile, Pinned: t.Pinned, Production: t.Production, Notices: append([]string{}, t.Notices...),
	}
}

func (s *Server) getEntries(visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	out := admin.Entries{Entries: []admin.Entry{}}
	for _, acct := range a.book.all() {
		out.Entries = append(out.Entries, a.describeEntry(acct))
	}
	return out, nil
}

func (s *Server) getEntry(v visit) (any, *protocol.Error) {
	a, acct, fault := s.accountOf(v)
	if fault != nil {
		return nil, fault
	}
	return a.describeEntry(acct), nil
}

func (s *Server) accountOf(v visit) (*appliance, *account, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, nil, fault
	}
	acct := a.book.find(v.PathValue("id"))
	if acct == nil {
		return nil, nil, protocol.NewError(protocol.UnknownEntry, "no entry of that id").WithField("id")
	}
	return a, acct, nil
}

func (a *appliance) describeEntry(acct *account) admin.Entry {
	e := acct.entry
	out := admin.Entry{
		ID: e.ID, Class: string(e.Class), Status: e.Status(), Stage: string(e.Stage), Rev: e.Rev, Title: e.Title,
		PolicyRev: e.PolicyRev, Created: e.Created, LastAct: e.Proof.Event, Algorithms: []string{}, Holds: []admin.Hold{},
		Owner: e.Owner, Certificates: a.describeCertificates(e), Custodians: a.custodians(e),
	}
	out.Proof, out.Unproven = a.describeProof(acct)
	if e.End != nil {
		out.Ended = e.End.Basis
	}
	for _, h := range e.Holds {
		out.Holds = append(out.Holds, admin.Hold{ID: h.ID, Authority: h.Authority, Basis: h.Basis, From: h.From, LiftBy: h.LiftBy})
	}
	if e.Key == nil {
		return out
	}
	out.KeyType, out.Token, out.KeyID = e.Key.Type, e.Key.Token, e.Key.ID
	out.PublicKey, out.Origin, out.Transcript = string(acct.key.Public.PEM()), e.Key.Origin, e.Key.Transcript
	out.Destroyed = e.Key.Destroyed
	for _, alg := range acct.algorithms() {
		out.Algorithms = append(out.Algorithms, alg.String())
	}
	return out
}

func (s *Server) getPolicy(v visit) (any, *protocol.Error) {
	a, acct, fault := s.accountOf(v)
	if fault != nil {
		return nil, fault
	}
	if acct.entry.PolicyRev == 0 {
		return nil, protocol.NewError(protocol.UnknownEntry, "the entry has no policy yet: signetctl policy set %s FILE", acct.entry.ID).WithField("policy")
	}
	r := acct.record
	out := admin.Policy{
		Entry: r.Entry, Rev: r.Rev, Text: r.Text, Hash: r.Hash, Users: principals(r.Users), Groups: principals(r.Groups),
		Stale: []string{}, Event: r.Proof.Event,
	}
	for _, stale := range acct.policy.Stale() {
		out.Stale = append(out.Stale, stale.String())
	}
	if zone := acct.policy.Policy().Zone(); zone != nil {
		out.Zone = zone.String()
	}
	var err error
	if out.Usage, err = a.entryUsage(acct); err != nil {
		return nil, storeError(err)
	}
	return out, nil
}

func principals(list []policy.Principal) []admin.Principal {
	out := []admin.Principal{}
	for _, p := range list {
		out = append(out, admin.Principal{Name: p.Name, ID: p.ID})
	}
	return out
}

func (s *Server) getActContext(visit) (any, *protocol.Error) {
	out := admin.ActContext{Name: s.name, Now: s.sources.Real().UTC(), Mode: s.condition().mode.String()}
	if a := s.appliance(); a != nil {
		at := a.store.Position()
		out.Authority = string(a.genesis.Authority)
		out.Appliance, out.LogSize, out.LogRoot = a.id, at.Size, hex.EncodeToString(at.Root[:])
		return out, nil
	}
	switch cond := s.condition(); cond.mode {
	case PoisonedMode:
		return s.poisonedContext(out)
	default:
		return s.recoveryContext(out)
	}
}

// poisonedContext names the log by its marker: the store is not touched.
func (s *Server) poisonedContext(out admin.ActContext) (any, *protocol.Error) {
	m, err := readMarker(s.stateDir)
	if err != nil || m == nil {
		return nil, protocol.NewError(protocol.Poisoned, "without a marker no act can name this log: reboot, and signetd says what is wrong with the store")
	}
	out.Appliance, out.LogSize, out.LogRoot = m.Appliance, m.Size, m.Root
	return out, nil
}

func (s *Server) getEvents(v visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	query := v.URL.Query()
	from, err := strconv.ParseUint(query.Get("from"), 10, 64)
	if err != nil {
		return nil, protocol.NewError(protocol.Malformed, "want the index of an event").WithField("from")
	}
	limit, err := strconv.Atoi(query.Get("limit"))
	if err != nil || limit < 1 || limit > admin.MaxEvents {
		return nil, protocol.NewError(protocol.Malformed, "want 1 to %d", admin.MaxEvents).WithField("limit")
	}
	reader, fault := a.mayReadLog(v.visitor.peer)
	if fault != nil {
		return nil, fault
	}
	if fault := a.noteRead(v.visitor, "log"); fault != nil {
		return nil, fault
	}
	at := a.store.Position()
	lines, err := a.store.Events(from, limit)
	if err != nil {
		return nil, storeError(err)
	}
	out := admin.Events{Lines: []string{}, Next: from, Size: at.Size, Root: hex.EncodeToString(at.Root[:])}
	for _, line := range lines {
		if out.Next < at.Size { // events after at belong to a later root
			out.Lines, out.Next = append(out.Lines, string(line)), out.Next+1
		}
	}
	out.Lines, out.Partial = a.shown(out.Lines, reader), reader.Role == authority.Custodian
	return out, nil
}

// getContent answers with what a hash stands for: the content that an act
// binds by its content_sha, or the transcript of a ceremony. Whoever asks
// hashes it himself: that is why he need not believe it.
func (s *Server) getContent(v visit) (any, *protocol.Error) {
	a, fault := s.live()
	if fault != nil {
		return nil, fault
	}
	if !v.inAdmin { // contents are part of the log; who brings acts may ask for what they made
		if _, fault := a.mayReadLog(v.visitor.peer); fault != nil {
			return nil, fault
		}
	}
	hash := v.PathValue("sm3")
	if !isSM3(hash) {
		return nil, protocol.NewError(protocol.Malformed, "want the SM3 of a content, %d lower-case hex digits", 2*sm3.Size).WithField("sm3")
	}
	if fault := a.noteRead(v.visitor, "content"); fault != nil {
		return nil, fault
	}
	content, err := a.store.Blob(hash)
	switch {
	case err != nil:
		return nil, storeError(err)
	case content == nil:
		return nil, protocol.NewError(protocol.UnknownEntry, "no content of that SM3; that of an act that was refused is not kept").WithField("sm3")
	case !utf8.Valid(content): // JSON would alter it, and its hash
		return nil, protocol.NewError(protocol.Unsupported, "this content is not text").WithField("sm3")
	}
	return admin.Content{Hash: hash, Content: string(content)}, nil
}

// isSM3 tells whether s is a hash in the one form that the log writes.
func isSM3(s string) bool {
	sum, err := hex.DecodeString(s)
	return err == nil && len(sum) == sm3.Size && hex.EncodeToString(sum) == s
}
