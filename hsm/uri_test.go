package hsm

import (
	"strings"
	"testing"
)

func TestURIsThatNameATokenAreRead(t *testing.T) {
	for text, want := range map[string]URI{
		"pkcs11:token=seals":                        {Token: "seals"},
		"pkcs11:token=The%20Software%20PKCS%2311":   {Token: "The Software PKCS#11"},
		"pkcs11:token=%e5%85%ac%E7%AB%A0":           {Token: "公章"},
		"pkcs11:serial=DECC0401648;model=x&y":       {Serial: "DECC0401648", Model: "x&y"},
		"pkcs11:slot-id=3;manufacturer=Acme(1)":     {SlotID: "3", Manufacturer: "Acme(1)"},
		"pkcs11:library-version=2.6;token=a":        {Token: "a", LibraryVersion: "2.6"},
		"pkcs11:library-version=3;token=a":          {Token: "a", LibraryVersion: "3"},
		"pkcs11:slot-description=a;token=b=c":       {SlotDescription: "a", Token: "b=c"},
		"pkcs11:slot-manufacturer=a":                {SlotManufacturer: "a"},
		"pkcs11:library-manufacturer=a":             {LibraryManufacturer: "a"},
		"pkcs11:library-description=Soft%20Token":   {LibraryDescription: "Soft Token"},
		"pkcs11:slot-id=18446744073709551615":       {SlotID: "18446744073709551615"},
		"pkcs11:token=" + strings.Repeat("x", 32):   {Token: strings.Repeat("x", 32)},
		"pkcs11:token=a%3Bb%3Fpin-value%3D1":        {Token: "a;b?pin-value=1"},
		"pkcs11:token=%20leading":                   {Token: " leading"},
		"pkcs11:model=0;serial=0;token=0;slot-id=0": {Model: "0", Serial: "0", Token: "0", SlotID: "0"},
	} {
		got, err := ParseURI(text)
		if err != nil || got != want {
			t.Errorf("ParseURI(%q) = %+v, %v: want %+v", text, got, err, want)
		}
	}
}

func TestURIsAreRefusedWithTheAttributeNamed(t *testing.T) {
	for text, want := range map[string]string{
		"":                                         `start with "pkcs11:"`,
		"token=a":                                  `start with "pkcs11:"`,
		"PKCS11:token=a":                           `start with "pkcs11:"`,
		"pkcs11:":                                  "at least one attribute",
		"pkcs11:token":                             "no value",
		"pkcs11:token=a;":                          "no value",
		"pkcs11:token=":                            "token: is empty",
		"pkcs11:token=a;token=a":                   "token is given twice",
		"pkcs11:token=a?pin-value=1234":            "pin-value would put the PIN",
		"pkcs11:token=a?pin-source=file:/x":        "pin-source would let",
		"pkcs11:token=a;pin-value=1234":            "pin-value would put the PIN",
		"pkcs11:token=a?module-path=/x.so":         "module-path names a library",
		"pkcs11:token=a?module-name=x":             "module-name names a library",
		"pkcs11:object=key":                        "object names an object",
		"pkcs11:token=a;id=%01":                    "id names an object",
		"pkcs11:token=a;type=private":              "type names an object",
		"pkcs11:colour=red":                        "unknown attribute colour",
		"pkcs11:Token=a":                           "not an attribute",
		"pkcs11:x-vendor=a":                        "unknown attribute x-vendor",
		"pkcs11:token=a?":                          "not an attribute",
		"pkcs11:token=a b":                         "want %20",
		"pkcs11:token=a#b":                         "want %23",
		"pkcs11:token=a/b":                         "want %2F",
		"pkcs11:token=%4":                          "percent-encoding",
		"pkcs11:token=%zz":                         "percent-encoding",
		"pkcs11:token=%":                           "percent-encoding",
		"pkcs11:token=a%00":                        "control characters",
		"pkcs11:token=a%0A":                        "control characters",
		"pkcs11:token=%FF":                         "UTF-8",
		"pkcs11:token=a%20":                        "ends in a blank",
		"pkcs11:slot-id=01":                        "not a slot number",
		"pkcs11:slot-id=-1":                        "not a slot number",
		"pkcs11:slot-id=0x1":                       "not a slot number",
		"pkcs11:slot-id=18446744073709551616":      "not a slot number",
		"pkcs11:library-version=2.6.1":             "not a version",
		"pkcs11:library-version=256":               "not a version",
		"pkcs11:library-version=2.":                "not a version",
		"pkcs11:token=" + strings.Repeat("x", 33):  "want at most 32",
		"pkcs11:serial=" + strings.Repeat("x", 17): "want at most 16",
	} {
		if u, err := ParseURI(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseURI(%q) = %+v, %v: want an error with %q", text, u, err, want)
		}
	}
}

// A PIN in the wrong place must not end in a log by way of the error.
func TestURIErrorsDoNotRepeatValues(t *testing.T) {
	for _, text := range []string{
		"pkcs11:token=a?pin-value=SECRET1", "pkcs11:token=a;SECRET1", "pkcs11:SECRET1=x", "pkcs11:token=a?SECRET1",
		"pkcs11:token=SECRET1%0A", "pkcs11:slot-id=SECRET1", "SECRET1", "pkcs11:token=a?pin-value&SECRET1",
	} {
		if _, err := ParseURI(text); err == nil || strings.Contains(err.Error(), "SECRET1") {
			t.Errorf("ParseURI(%q): error %v", text, err)
		}
	}
}

func FuzzURI(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		u, err := ParseURI(text)
		if err != nil {
			if u != (URI{}) {
				t.Errorf("ParseURI(%q) gives %+v with error %v", text, u, err)
			}
			return
		}
		back, err := ParseURI(u.String())
		if err != nil || back != u {
			t.Errorf("ParseURI(%q) = %+v prints as %q, which reads as %+v, %v", text, u, u.String(), back, err)
		}
	})
}
