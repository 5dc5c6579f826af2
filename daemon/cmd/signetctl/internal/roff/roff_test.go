package roff

import (
	"strings"
	"testing"
)

func TestTextIsNothingThatRoffObeys(t *testing.T) {
	for s, want := range map[string]string{
		".so /etc/passwd\n":  `\&.so /etc/passwd`,
		"'so x\n":            `\(aqso x`,
		`\f(CW` + "\n":       `\ef(CW`,
		"--file a^b~c `d`\n": "\\-\\-file a\\(hab\\(tic \\`d\\`",
		"签名。\n":              `签\:名。`,
		"a\n\n.b":            "a\n.PP\n" + `\&.b`,
	} {
		var p Page
		p.Text(s)
		if got := strings.TrimSuffix(p.String(), "\n"); got != want {
			t.Errorf("text(%q) is %q, want %q", s, got, want)
		}
	}
	var p Page
	p.Verbatim("a \\\n\n  .b")
	if got, want := p.String(), ".nf\na \\e\n\n  .b\n.fi\n"; got != want {
		t.Errorf("Verbatim gives %q, want %q", got, want)
	}
	if got := quoted(`a "b" \c`); got != `"a \(dqb\(dq \ec"` {
		t.Errorf("quoted gives %s", got)
	}
}
