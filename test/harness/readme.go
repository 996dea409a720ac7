package harness

import (
	"os"
	"regexp"
	"testing"
)

const (
	readmeFile = "README.md"
	// TourAddress is where the README's reader has the server.
	TourAddress = "127.0.0.1:8080"
	// TourStepEnd is printed by the tour's shell when it has run all commands of a step.
	TourStepEnd = "--- end of the step ---"
)

// FencedBlock matches a fenced block of Markdown.
var FencedBlock = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?\n)```$")

// ReadReadme returns the README.
func ReadReadme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(RepositoryPath(readmeFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
