package hsm

// A Transcript is the record of one key ceremony, or of the inspection of a
// key: what the token was asked and what it answered, in order. It holds
// nothing secret.
type Transcript struct {
	Token        string `json:"token"`
	Module       string `json:"module"`        // path of the library
	ModuleSHA256 string `json:"module_sha256"` // of the library's file when it was loaded, hex
	ModulePinned bool   `json:"module_pinned"` // the configuration asks for that hash
	Manufacturer string `json:"manufacturer"`
	Model        string `json:"model"`
	Serial       string `json:"serial"`
	Firmware     string `json:"firmware"`
	Profile      string `json:"profile"`
	KeyType      string `json:"key_type"`
	Mechanism    string `json:"mechanism"` // that made the key; empty: nobody saw it made
	Label        string `json:"label"`
	ID           string `json:"id"`                   // CKA_ID, hex
	PublicKey    []byte `json:"public_key,omitempty"` // SubjectPublicKeyInfo, DER
	Steps        []Step `json:"steps"`
}

// A Step is one question to the token. Value is the answer, or why there is
// none.
type Step struct {
	Step   string  `json:"step"`
	Value  string  `json:"value"`
	Result Outcome `json:"result"`
}

// An Outcome tells a reader of the transcript what a step proves. The empty
// one proves nothing.
type Outcome string

const (
	Held     Outcome = "held"      // required, and so it was
	Broken   Outcome = "broken"    // required, and it was not: the key is refused
	Noted    Outcome = "noted"     // not required
	NotTried Outcome = "not tried" // the token cannot be asked this
)

// Add appends one step.
func (t *Transcript) Add(step, value string, result Outcome) {
	t.Steps = append(t.Steps, Step{step, value, result})
}
