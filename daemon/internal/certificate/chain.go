package certificate

import (
	"cmp"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/smx509"
)

const (
	// maxPath is the longest chain, leaf and anchor counted.
	maxPath = 8

	// maxSteps bounds the search: an answer may hold many certificates of one
	// name, and each could be the issuer of each.
	maxSteps = 256
)

// A search looks for a chain from a leaf to an anchor. Chains are found by
// names and judged whole, so that every fault of the best one can be said.
type search struct {
	pool  []Certificate // of the answer
	trust Trust
	now   time.Time

	steps  int
	found  bool
	path   []Certificate // best so far: leaf first, the anchor's certificate last
	anchor Anchor
	faults []error
	broken int           // of faults, signatures that do not verify
	stuck  []Certificate // the longest path that led nowhere
}

// run returns the first chain without a fault, else the one with the fewest.
func (s *search) run(leaf Certificate) {
	s.extend([]Certificate{leaf})
	if !s.found {
		s.faults = []error{fmt.Errorf("%w: no chain to the trust store: %s: want the CA's certificates with the answer, and its root in the trust store",
			ErrInvalid, s.end())}
	}
}

// end says where the longest path led.
func (s *search) end() string {
	last := s.stuck[len(s.stuck)-1]
	if last.isRoot() {
		return fmt.Sprintf("%v is a root that is not trusted", last)
	}
	return fmt.Sprintf("%v is issued by %q, which is neither in the answer nor trusted", last, shorten(last.Issuer()))
}

// isRoot tells whether c vouches for itself and nothing above it can.
func (c Certificate) isRoot() bool { return c.selfIssued() && checkSigned(c, c) == nil }

func (s *search) done() bool { return s.found && len(s.faults) == 0 || s.steps > maxSteps }

func (s *search) extend(path []Certificate) {
	s.steps++
	if len(path) > len(s.stuck) {
		s.stuck = path
	}
	last := path[len(path)-1]
	if s.done() || len(path) == maxPath || last.isRoot() {
		return
	}
	for _, a := range s.trust.anchors {
		if last.issuedBy(a.Certificate) && !contains(path, a.Certificate) {
			s.consider(longer(path, a.Certificate), a)
		}
	}
	for _, c := range s.pool {
		if !s.done() && last.issuedBy(c) && !contains(path, c) && !s.isAnchor(c) {
			s.extend(longer(path, c))
		}
	}
}

// consider judges a chain and keeps the better one. A signature that does not
// verify is the worst fault: most likely the chain goes another way.
func (s *search) consider(path []Certificate, a Anchor) {
	faults, broken := s.judge(path, a), 0
	for i, c := range path[:len(path)-1] {
		if err := checkSigned(c, path[i+1]); err != nil {
			faults = append(faults, fmt.Errorf("%w: %v: issuer %v: %w", ErrInvalid, c, path[i+1], err))
			broken++
		}
	}
	if faults == nil {
		if err := secondOpinion(path, s.now); err != nil {
			faults = append(faults, fmt.Errorf("%w: %w", ErrInvalid, err))
		}
	}
	if !s.found || cmp.Or(cmp.Compare(broken, s.broken), cmp.Compare(len(faults), len(s.faults))) < 0 {
		s.found, s.path, s.anchor, s.faults, s.broken = true, path, a, faults, broken
	}
}

func (s *search) isAnchor(c Certificate) bool {
	for _, a := range s.trust.anchors {
		if a.Certificate.equal(c) {
			return true
		}
	}
	return false
}

func contains(path []Certificate, c Certificate) bool {
	for _, p := range path {
		if p.equal(c) {
			return true
		}
	}
	return false
}

// longer copies: the search goes on from path in other directions.
func longer(path []Certificate, c Certificate) []Certificate {
	return append(path[:len(path):len(path)], c)
}

// judge checks a whole chain but its signatures, RFC 5280 6.1, and says every fault.
func (s *search) judge(path []Certificate, a Anchor) (faults []error) {
	add := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...))
	}
	for i, c := range path {
		if s.now.Before(c.NotBefore()) {
			add("%v is not valid before %s", c, stamp(c.NotBefore()))
		}
		if s.now.After(c.NotAfter()) {
			add("%v expired at %s", c, stamp(c.NotAfter()))
		}
		for _, oid := range c.x.UnhandledCriticalExtensions {
			add("%v has the critical extension %v, which signet does not know", c, oid)
		}
		if i > 0 {
			for _, problem := range issuerProblems(c, path[:i]) {
				add("%v %s", c, problem)
			}
		}
	}
	for _, at := range []time.Time{path[0].NotBefore(), s.now} {
		if !a.trusted(at) {
			add("trust %q does not hold at %s: want a CA trusted when it issued and now", a.Name, stamp(at))
		}
	}
	return faults
}

// issuerProblems are the reasons why c may not have issued what is below it.
func issuerProblems(c Certificate, below []Certificate) (problems []string) {
	if !c.isCA() {
		problems = append(problems, "is not the certificate of a CA and cannot issue others")
	}
	if c.hasUsage() && c.x.KeyUsage&smx509.KeyUsageCertSign == 0 {
		problems = append(problems, "may not sign certificates (key usage without keyCertSign)")
	}
	between := 0 // CAs between c and the leaf, RFC 5280 4.2.1.9
	for _, b := range below[1:] {
		if !b.selfIssued() {
			between++
		}
	}
	if c.x.BasicConstraintsValid && c.x.MaxPathLen >= 0 && between > c.x.MaxPathLen {
		problems = append(problems, fmt.Sprintf("allows %d CAs beneath it, and there are %d", c.x.MaxPathLen, between))
	}
	return problems
}

// secondOpinion has smx509 verify the same chain. It adds what judge leaves to
// it, name constraints and policies, and it must agree on the rest.
func secondOpinion(path []Certificate, now time.Time) error {
	roots, between := smx509.NewCertPool(), smx509.NewCertPool()
	last := len(path) - 1
	roots.AddCert(path[last].x)
	for _, c := range path[1:last] {
		between.AddCert(c.x)
	}
	_, err := path[0].x.Verify(smx509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []smx509.ExtKeyUsage{smx509.ExtKeyUsageAny},
	})
	return err
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
