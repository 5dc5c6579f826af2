package main

import "testing"

func TestLanguageFollowsThePrecedenceOfPOSIX(t *testing.T) {
	for _, test := range []struct {
		all, messages, lang string
		want                language
	}{
		{"", "", "", english},
		{"", "", "zh_CN.UTF-8", chinese},
		{"", "", "zh_CN", chinese},
		{"", "", "zh_CN.utf8@pinyin", chinese},
		{"", "", "zh", chinese},
		{"", "", "zh_CN.GB18030", english}, // the catalog is UTF-8
		{"", "", "zha_CN.UTF-8", english},
		{"", "en_US.UTF-8", "zh_CN.UTF-8", english},
		{"", "zh_CN.UTF-8", "C", chinese},
		{"C", "zh_CN.UTF-8", "zh_CN.UTF-8", english},
		{"zh_CN.UTF-8", "C", "C", chinese},
		{"POSIX", "", "", english},
	} {
		env := map[string]string{"LC_ALL": test.all, "LC_MESSAGES": test.messages, "LANG": test.lang}
		if got := languageOf(func(name string) string { return env[name] }); got != test.want {
			t.Errorf("languageOf(%v) = %v, want %v", env, got, test.want)
		}
	}
}
