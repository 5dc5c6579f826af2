package hsm

import "time"

// A State says whether a token can be used. The zero value, StateUnknown, is
// not usable.
type State uint8

const (
	StateUnknown    State = iota
	StateConnecting       // no attempt has ended yet
	StateUp               // keys can be used
	StateDown             // LastError says why; the driver keeps trying
	StateLatched          // a PIN was refused: no login without an officer
)

var stateNames = [...]string{
	StateUnknown:    "unknown",
	StateConnecting: "connecting",
	StateUp:         "up",
	StateDown:       "down",
	StateLatched:    "latched",
}

func (s State) String() string {
	if int(s) >= len(stateNames) {
		return stateNames[StateUnknown]
	}
	return stateNames[s]
}

// MarshalText writes the state by its name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name. What it does not know is StateUnknown, which is
// not usable.
func (s *State) UnmarshalText(text []byte) error {
	*s = StateUnknown
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
		}
	}
	return nil
}

// TokenStatus is what is known of one token without asking it.
type TokenStatus struct {
	Name      string    `json:"name"`
	Module    string    `json:"module"`
	URI       string    `json:"uri"`
	State     State     `json:"state"`
	Since     time.Time `json:"since"`                // of State, UTC
	LastError string    `json:"last_error,omitempty"` // of the latest attempt or fault; empty while up
	Mend      string    `json:"mend,omitempty"`       // what a person can do, one sentence with the command

	Open       int `json:"sessions_open"`       // sessions that can take work
	Configured int `json:"sessions_configured"` // sessions asked for
	Hung       int `json:"sessions_hung"`       // calls whose caller has given up and that the module still holds

	// As the token described itself when it last came up.
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Serial       string `json:"serial,omitempty"`
	Firmware     string `json:"firmware,omitempty"`

	Profile    string   `json:"profile"`
	Pinned     bool     `json:"pinned"`     // the module file's SHA-256 is configured
	Production bool     `json:"production"` // as the profile says
	Notices    []string `json:"notices,omitempty"`
}
