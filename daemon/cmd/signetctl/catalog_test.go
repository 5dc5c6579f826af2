package main

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"signet/daemon/internal/audit"
	"signet/daemon/internal/authority"
	"signet/daemon/internal/certificate"
	"signet/daemon/internal/register"
	"signet/hsm"
	"signet/policy"
	"signet/protocol"
)

// A pair is one text of the catalog's source.
type pair struct {
	at     token.Position
	en, zh string
}

var catalogFiles = []string{"catalog.go", "catalog_acts.go", "catalog_man.go", "catalog_use.go", "catalog_replay.go"}

// catalogTexts reads the texts from the source, so that none can be left out
// of the test: every literal of two strings is one.
func catalogTexts(t *testing.T) []pair {
	t.Helper()
	files := token.NewFileSet()
	var all []pair
	for _, name := range catalogFiles {
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, textsOf(files, file)...)
	}
	return all
}

func textsOf(files *token.FileSet, file *ast.File) []pair {
	var all []pair
	ast.Inspect(file, func(n ast.Node) bool {
		literal, ok := n.(*ast.CompositeLit)
		if !ok || len(literal.Elts) != 2 {
			return true
		}
		en, okEn := stringOf(literal.Elts[0])
		zh, okZh := stringOf(literal.Elts[1])
		if okEn && okZh {
			all = append(all, pair{files.Position(literal.Pos()), en, zh})
		}
		return true
	})
	return all
}

func stringOf(e ast.Expr) (string, bool) {
	literal, ok := e.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(literal.Value)
	return s, err == nil
}

var (
	placeholder = regexp.MustCompile(`%[^a-zA-Z%]*[a-zA-Z%]`)
	flagWord    = regexp.MustCompile("`[^`]*`")
	brace       = regexp.MustCompile(`\{[a-z]+\}`)
)

// avoided are words that name another thing, or promise what nobody here can.
var avoided = []string{"密码模块", "可靠电子签名", "符合国家标准", "防篡改", "tamper-proof", "certified", "complies"}

func TestBothLanguagesSayTheSame(t *testing.T) {
	texts := catalogTexts(t)
	if len(texts) < 250 {
		t.Fatalf("found %d texts only", len(texts))
	}
	for _, p := range texts {
		if strings.TrimSpace(p.en) == "" || strings.TrimSpace(p.zh) == "" {
			t.Errorf("%v: empty text", p.at)
		}
		for _, form := range []*regexp.Regexp{placeholder, flagWord, brace} {
			en, zh := form.FindAllString(p.en, -1), form.FindAllString(p.zh, -1)
			if !slices.Equal(en, zh) {
				t.Errorf("%v: English has %q, Chinese %q, in this order", p.at, en, zh)
			}
		}
		if strings.ContainsFunc(p.en, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
			t.Errorf("%v: Chinese in the English text %q", p.at, p.en)
		}
		for _, word := range avoided {
			if strings.Contains(p.zh, word) || strings.Contains(p.en, word) {
				t.Errorf("%v: says %s", p.at, word)
			}
		}
		// What is the same in both is a command to type.
		if p.en == p.zh && !strings.Contains(p.en, "signetctl") && !strings.Contains(p.en, "systemctl") &&
			!strings.Contains(p.en, "journalctl") && p.en != "uid" && p.en != "%s --help" {
			t.Errorf("%v: not translated: %q", p.at, p.en)
		}
	}
}

// Words for people stand in the catalog and nowhere else: the other files hold
// no Chinese, and no help.
func TestNoWordsOutsideTheCatalog(t *testing.T) {
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil || len(names) < 20 {
		t.Fatalf("found %d files, %v", len(names), err)
	}
	for _, name := range names {
		if slices.Contains(catalogFiles, name) || strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if strings.ContainsFunc(n.Value, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
					t.Errorf("%v: Chinese outside the catalog", files.Position(n.Pos()))
				}
			case *ast.KeyValueExpr:
				key, ok := n.Key.(*ast.Ident)
				if _, isText := stringOf(n.Value); ok && isText && slices.Contains([]string{"Short", "Long", "Heading"}, key.Name) {
					t.Errorf("%v: %s outside the catalog", files.Position(n.Pos()), key.Name)
				}
			}
			return true
		})
	}
}

func TestEveryCodeHasItsSentence(t *testing.T) {
	codes := 0
	for c := protocol.Code(1); c < 1000; c++ {
		words, ok := codeTexts[c]
		if c.Valid() != ok {
			t.Errorf("code %d (%v): in the table %v, in the catalog %v", c, c, c.Valid(), ok)
		}
		if !c.Valid() {
			continue
		}
		codes++
		if words.what == (text{}) || words.next == (text{}) {
			t.Errorf("code %d (%v) has no sentence, or does not say what to do next", c, c)
		}
	}
	if codes < 50 {
		t.Errorf("only %d codes were looked at", codes)
	}
}

func TestEveryFieldOfAnEventIsNamed(t *testing.T) {
	named := map[string]bool{}
	for f := range reflect.TypeFor[audit.Event]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		named[name] = true
		if fieldTexts[name] == (text{}) {
			t.Errorf("the catalog does not name the field %q", name)
		}
	}
	for name := range fieldTexts {
		if !named[name] {
			t.Errorf("the catalog names %q, which is no field", name)
		}
	}
}

func TestDaemonsWordsAreKnown(t *testing.T) {
	for _, word := range []string{
		"uninitialised", "recovery", "poisoned", "degraded", "serving", // modes
		"up", "down", "latched", "connecting", // tokens
		"sane", "behind", "jumped", "unknown", // clock
		string(register.Pending), string(register.Active), register.Suspended, string(register.Superseded),
		string(register.Cancelled), string(register.Invalid), string(register.ClassKey), string(register.ClassSeal),
		"ceremony", "adopted",
		string(audit.Allowed), string(audit.Refused), string(audit.Failed),
		string(hsm.Held), string(hsm.Broken), string(hsm.Noted), string(hsm.NotTried),
		string(authority.Development), string(authority.Officers),
		authority.Administrator.String(), authority.SecurityOfficer.String(), authority.Auditor.String(), authority.Custodian.String(),
		string(certificate.EGov), string(certificate.Licensed), string(certificate.Internal),
		policy.Widening.String(), policy.Narrowing.String(), policy.Neither.String(),
		"not decided", policy.Granted.String(), policy.Denied.String(), policy.Revoked.String(), expired,
		policy.ByDocument.String(), policy.ByReferences.String(), policy.ByDigests.String(), policy.ByCount.String(),
		string(hsm.Does), string(hsm.DoesNot), string(hsm.NotKnown), string(hsm.Claimed), string(hsm.Disclaimed), string(hsm.Untold),
	} {
		if words[word].text == (text{}) {
			t.Errorf("the catalog has no word for %q", word)
		}
	}
}

func TestTextCleansWhatIsNotItsOwn(t *testing.T) {
	evil := "a\x1b[2J\nb"
	for name, arg := range map[string]any{"string": evil, "error": errors.New(evil), "text": text{"b", "b"}, "number": 7} {
		got := (text{"<%v>", "<%v>"}).in(english, arg)
		if strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%s argument gives %q", name, got)
		}
	}
	if got := (text{"100%", "100%"}).in(chinese); got != "100%" {
		t.Errorf("a text without arguments is %q", got)
	}
}
