package main

import "strings"

// A language is one that the catalog is written in.
type language uint8

const (
	english language = iota
	chinese
)

// languageOf follows POSIX: LC_ALL overrides LC_MESSAGES, that overrides
// LANG, and an empty variable counts as unset. The catalog is UTF-8, so a
// locale of another encoding gets English, which reads the same in all.
func languageOf(getenv func(string) string) language {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := getenv(name)
		if locale == "" {
			continue
		}
		locale, _, _ = strings.Cut(locale, "@")
		name, charset, _ := strings.Cut(locale, ".")
		lang, _, _ := strings.Cut(name, "_")
		utf8 := charset == "" || strings.EqualFold(strings.ReplaceAll(charset, "-", ""), "utf8")
		if lang == "zh" && utf8 {
			return chinese
		}
		return english
	}
	return english
}
