package firmwareconfig

import (
	"embed"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed profiles/*.toml
var profiles embed.FS

// Profiles returns the names of the profiles that come with signet, sorted.
func Profiles() []string {
	files, err := profiles.ReadDir("profiles")
	if err != nil {
		return nil // the directory is part of the program
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".toml"))
	}
	slices.Sort(names) // without the suffix the order is another one
	return names
}

// Profile returns the text of a module's profile: of one that comes with
// signet by its name, of another by its absolute path. A file that others can
// change is refused.
func Profile(name string) ([]byte, error) {
	if filepath.IsAbs(name) {
		text, err := readTrusted(name)
		if err != nil {
			return nil, fmt.Errorf("reading profile: %w", err)
		}
		return text, nil
	}
	text, err := profiles.ReadFile("profiles/" + name + ".toml")
	if err != nil {
		return nil, fmt.Errorf("unknown profile %q: want %s, or the absolute path of a file", name, strings.Join(Profiles(), ", "))
	}
	return text, nil
}
