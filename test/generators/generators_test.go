package generators

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// toolsVariable is set by "make test-generators" to the folder with the generators that are files. What was built is
// kept there too: the next run builds again only what the contract, the documents or a program changed.
const toolsVariable = "PARLEY_GENERATORS"

// buildTimeout is for a machine that fetches everything first.
const buildTimeout = 10 * time.Minute

// generator is a generator of clients in the table of docs/clients.md. The section of docs/clients.md has the commands
// (blocks of kind bash) that make the client in an empty folder, and a short program. Beside it, the folder of the
// generator in testdata has a longer program that prints what transcript says. That of a generator for the event stream
// alone reads the stream.
type generator struct {
	name    string // of the folder in testdata
	section string // of docs/clients.md: a heading of level 3 below "Generated clients"
	needs   []string
	// files are the names that the blocks of the section get, by kind of block.
	files  map[string]string
	shared string // a folder in testdata with what several programs have in common
	// prepare makes the folder ready for the section's commands, and build compiles the program of testdata after them;
	// both are for bash.
	prepare, build string
	// docs runs the section's program and run the one in testdata, each for bash with the server's address as $1.
	docs, run string
	greeting  string // what the section's program prints
	prints    string // what the one in testdata prints, if that is not the transcript
	// expects is a file of a client that is only generated, because no toolchain is here for it.
	expects string
}

var allGenerators = slices.Concat(jvmGenerators, scriptingGenerators, compiledGenerators)

// transcript is what the longer program of every generator of requests prints, on a server of today and on a later one.
const transcript = `signed up ada
refused username_taken
logged in ada
invalid handle
room tea
sent 1 Is the kettle on?
sent 2 list.txt
content Assam, Darjeeling
history Is the kettle on? / We have:
missing 404
event message.created 1 Is the kettle on?
event message.created 2 We have:`

// TestGenerators makes a client with each generator, and runs the program of docs/clients.md and the longer one on a
// server of this version and on a later one. If a generated type is not as the programs expect, they do not compile.
func TestGenerators(t *testing.T) {
	tools := os.Getenv(toolsVariable)
	if tools == "" {
		t.Skip(toolsVariable + " is not set: make test-generators sets it")
	}
	for _, g := range allGenerators {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, program := range g.needs {
				harness.NeedProgram(t, program)
			}
			folder := buildClient(t, g, tools)
			if g.expects != "" {
				if _, err := os.Stat(filepath.Join(folder, g.expects)); err != nil {
					t.Error(err)
				}
				return
			}
			t.Run("this version", func(t *testing.T) {
				g.runPrograms(t, folder, harness.StartServer(t, harness.NewSQLite(t), "--lobby", "lobby").URL)
			})
			t.Run("a later version", func(t *testing.T) {
				server := harness.StartServer(t, harness.NewSQLite(t), "--lobby", "lobby")
				newer := harness.StartNewerServer(t, server.URL)
				g.runPrograms(t, folder, newer.URL)
				newer.ExpectUnknown(t)
			})
		})
	}
}

// runPrograms runs both programs on the server at url.
func (g generator) runPrograms(t *testing.T, folder, url string) {
	t.Helper()
	prints := cmp.Or(g.prints, transcript)
	for _, program := range []struct{ command, want string }{{g.docs, g.greeting}, {g.run, prints}} {
		output := harness.RunCommand(t, folder, harness.Timeout, "bash", "-e", "-c", program.command, "program", url)
		if got := strings.TrimSpace(string(output)); got != program.want {
			t.Errorf("%s printed\n%s\nwant\n%s", program.command, got, program.want)
		}
	}
}

// TestEveryGeneratorHasASection checks that docs/clients.md says how to use each generator. The links of its table are
// checked with those of all documents.
func TestEveryGeneratorHasASection(t *testing.T) {
	t.Parallel()
	text := harness.ReadSection(t, "docs/clients.md", "Generated clients")
	for _, g := range allGenerators {
		if !strings.Contains(text, "\n### "+g.section+"\n") {
			t.Errorf("docs/clients.md has no section %q for %s", g.section, g.name)
		}
	}
}

// testdata returns the files of a generator's program.
func (g generator) testdata(t *testing.T) []program {
	t.Helper()
	files := readFolder(t, filepath.Join("testdata", g.name))
	if g.shared != "" {
		files = append(files, readFolder(t, filepath.Join("testdata", g.shared))...)
	}
	return files
}
