package authority

import (
	"fmt"
	"strings"
)

// SignatureTexts writes signatures as events have them: form, a colon, value.
func SignatureTexts(signatures []Signature) []string {
	var texts []string
	for _, s := range signatures {
		texts = append(texts, string(s.Form)+":"+s.Value)
	}
	return texts
}

// ParseSignatures reads what SignatureTexts wrote. Whether they verify is
// another matter.
func ParseSignatures(texts []string) ([]Signature, error) {
	var signatures []Signature
	for i, text := range texts {
		form, value, found := strings.Cut(text, ":")
		if !found {
			return nil, fmt.Errorf("%w: signature %d has no form", ErrMalformed, i)
		}
		signatures = append(signatures, Signature{Form(form), value})
	}
	return signatures, nil
}
