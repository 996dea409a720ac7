package harness

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// DocumentedAddress is the address of the server in the examples of the documents.
const DocumentedAddress = "127.0.0.1:8080"

// FencedBlock matches a fenced code block of a document. Its groups are the language and the text.
var FencedBlock = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?\n)```$")

// ReadSection returns the section under a level-2 heading of a document of the repository, up to the next such heading.
func ReadSection(t testing.TB, document, heading string) string {
	t.Helper()
	text, err := os.ReadFile(RepositoryPath(document))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading+"\n")
	if !found {
		t.Fatalf("%s has no section %q", document, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	return section
}
