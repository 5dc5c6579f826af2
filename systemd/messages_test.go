package systemd

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestEveryMessageIsWhole(t *testing.T) {
	id := regexp.MustCompile(`^[0-9a-f]{32}$`)
	name := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]Message{}
	for _, m := range Messages() {
		if !id.MatchString(m.ID()) || !name.MatchString(m.Name()) {
			t.Errorf("message %d: id %q, name %q", uint8(m), m.ID(), m.Name())
		}
		if strings.HasPrefix(m.Priority().String(), "priority-") {
			t.Errorf("%v has no priority of ours: %v", m, m.Priority())
		}
		for _, unique := range []string{m.ID(), m.Name()} {
			if other, ok := seen[unique]; ok {
				t.Errorf("%q is both %d and %d", unique, other, m)
			}
			seen[unique] = m
		}
	}
}

func TestUnknownMessagesGoOutAsInternalError(t *testing.T) {
	for _, m := range []Message{0, endOfMessages, 255} {
		if m.ID() != InternalError.ID() || m.Priority() != Error || m.Name() != "internal-error" {
			t.Errorf("Message(%d) = %s %s %s, want that of internal-error", uint8(m), m.ID(), m.Priority(), m.Name())
		}
	}
}

// TestPublishedMessagesDoNotChange holds the list of doc.go, which is what
// people read, against the code. A line there is only ever added.
func TestPublishedMessagesDoNotChange(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	published := regexp.MustCompile(`(?m)^//\t([0-9a-f]{32}) (\w+) +([a-z-]+)$`).FindAllStringSubmatch(string(doc), -1)
	messages := Messages()
	if len(published) != len(messages) {
		t.Fatalf("doc.go lists %d messages, the code has %d", len(published), len(messages))
	}
	for i, m := range messages {
		got := published[i][1:]
		if got[0] != m.ID() || got[1] != m.Priority().String() || got[2] != m.Name() {
			t.Errorf("doc.go, message %d: %q, the code says %s %s %s", i+1, got, m.ID(), m.Priority(), m.Name())
		}
	}
}
