package harness

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TourAddress is where the reader of the documents has the server.
const TourAddress = "127.0.0.1:8080"

// FencedBlock matches a fenced block of a document; its groups are the kind and the text.
var FencedBlock = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?\n)```$")

// ReadSection is a section of a document of the repository, up to the next heading of the same level.
func ReadSection(t *testing.T, document, heading string) string {
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
