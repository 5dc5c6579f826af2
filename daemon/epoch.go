package daemon

import (
	"context"
	"fmt"
)

// epochKnown returns the newest epoch in which the log of an appliance is known
// to have been, by the marker and by the anchor on the token of the log key; 0
// where neither knows of a log. Both must name that appliance: others, who can
// make a store and a backup with officers of their own, have no say here.
//
// The token has to answer. An anchor that was not asked could know of a log
// that goes on in the same epoch, with other events of the same numbers.
func (s *Server) epochKnown(appliance string) (uint64, error) {
	m, err := readMarker(s.stateDir)
	switch {
	case err != nil:
		return 0, err
	case m == nil:
		m = new(marker)
	case m.Appliance != appliance:
		return 0, fmt.Errorf("%w: its id is %.16s…, the marker's %.16s…", errOther, appliance, m.Appliance)
	}
	if s.logToken == "" {
		return m.Epoch, nil
	}
	ctx, cancel := context.WithTimeout(s.calls, anchorTimeout)
	defer cancel()
	found, err := s.tokens.readAnchor(ctx, s.logToken)
	switch {
	case err != nil:
		return 0, err
	case found == nil:
		return m.Epoch, nil
	case found.Appliance != appliance:
		return 0, fmt.Errorf("%w: %.16s…, the store is of %.16s…", errOtherAnchor, found.Appliance, appliance)
	}
	return max(m.Epoch, found.Epoch), nil
}
