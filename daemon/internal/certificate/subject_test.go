package certificate_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"signet/daemon/internal/certificate"
)

func TestSubjectIsWrittenAsItWasRead(t *testing.T) {
	for _, text := range []string{
		"CN=a",
		subjectText,
		"CN=a,OU=x,OU=y,O=o,C=CN",
		`CN=A\, B \+ C\; \<d\> \"e\" \\ f=g#h`,
		`CN=\#1`,
		`CN=\ a\ `,
		"CN=a,SERIALNUMBER=91110000802100433B,C=CN",
		"CN=" + strings.Repeat("印", 64),
	} {
		s, err := certificate.ParseSubject(text)
		if err != nil || s.String() != text {
			t.Errorf("ParseSubject(%q) = %q, %v", text, s, err)
		}
	}
}

func TestSubjectReadsOtherFormsOfOneName(t *testing.T) {
	for text, want := range map[string]string{
		"CN=a, O=b,  C=CN":        "CN=a,O=b,C=CN",
		`CN=\E7\AB\A0`:            "CN=章",
		`CN=a\=b`:                 "CN=a=b",
		`CN=a\2cb`:                `CN=a\,b`,
		`CN=O\27Neil \26 c\c3\a9`: "CN=O'Neil & cé",
	} {
		s, err := certificate.ParseSubject(text)
		if err != nil || s.String() != want {
			t.Errorf("ParseSubject(%q) = %q, %v, want %q", text, s, err, want)
		}
	}
}

// TestSubjectEncoding: the last part of the text is the first of the DER (RFC
// 4514 2.1); C and SERIALNUMBER are PrintableString (0x13), the others
// UTF8String (0x0c).
func TestSubjectEncoding(t *testing.T) {
	s, err := certificate.ParseSubject("CN=章,SERIALNUMBER=9,C=CN")
	if err != nil {
		t.Fatal(err)
	}
	const want = "3027" +
		"310b300906035504061302434e" +
		"310a3008060355040513" + "0139" +
		"310c300a06035504030c03" + "e7aba0"
	if got := hex.EncodeToString(s.DER()); got != want {
		t.Errorf("DER() = %s, want %s", got, want)
	}
}

func TestSubjectFaultsAreAllSaid(t *testing.T) {
	long := strings.Repeat("印", 65)
	for text, want := range map[string][]string{
		"":                                   {"no =", "CN is missing"},
		"O=b":                                {"CN is missing: want CN=name"},
		"CN=":                                {"CN is empty: want a value"},
		"CN=" + long:                         {"CN has 65 characters: want at most 64"},
		"CN=a,C=cn":                          {`C "cn": want the two capital letters`},
		"CN=a,C=CHN":                         {"C has 3 characters: want at most 2"},
		"CN=a,CN=b":                          {"CN stands more than once"},
		"CN=a,DC=b":                          {`"DC" is not a known part`},
		"cn=a":                               {`"cn" is not a known part`},
		"CN=a+OU=b":                          {"bare '+': want a backslash"},
		"CN=a;O=b":                           {"bare ';'"},
		`CN="a"`:                             {`bare '"'`},
		"CN=a ,O=b":                          {"bare ' '"},
		"CN= a":                              {"bare ' '"},
		"CN=#0401":                           {"starts with #"},
		`CN=a\`:                              {"lone backslash"},
		`CN=a\z`:                             {"lone backslash"},
		`CN=\ff`:                             {"not UTF-8"},
		`CN=a\00`:                            {"control or invisible"},
		"CN=a\u202eb":                        {"control or invisible"},
		"CN=a\nb":                            {"control or invisible"},
		"CN=a,SERIALNUMBER=统一":               {"outside PrintableString"},
		"CN=\xff":                            {"bytes of UTF-8"},
		"CN=" + strings.Repeat("a", 2100):    {"at most 2048 bytes"},
		"CN=a" + strings.Repeat(",OU=b", 16): {"17 parts: want at most 16"},
		"C=cn,O=,X=1":                        {`C "cn"`, "O is empty", `"X" is not`, "CN is missing"},
	} {
		s, err := certificate.ParseSubject(text)
		if !says(err, want...) || s.String() != "" {
			t.Errorf("ParseSubject(%q) = %q, %v, want %q", text, s, err, want)
		}
	}
}
