package clients

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	generatedTime = 3 * time.Minute
	// goFolder holds the longer program of a client in Go; the shorter one is in docs/clients.md.
	goFolder = "testdata/go"
)

// TestTypeScriptClient generates a client from the contract that a server shows, with the commands of docs/clients.md, and
// runs the program there and a longer one. A type that is not as they expect it does not compile.
func TestTypeScriptClient(t *testing.T) {
	harness.NeedNode(t)
	harness.NeedProgram(t, "bash")
	packages, err := filepath.Abs(filepath.Join(harness.NodeFolder(), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := newGenerated(t, database, "TypeScript")
		if err := os.Symlink(packages, filepath.Join(p.folder, "node_modules")); err != nil {
			t.Fatal(err)
		}
		p.write("package.json", `{"type": "module"}`)
		p.write("docs.ts", p.block("ts"))
		p.copy(filepath.Join(harness.NodeFolder(), "generated.ts"))
		p.run("bash", "-e", "-c", p.block("bash"))
		p.run("node_modules/.bin/tsc", "--strict", "--noUncheckedIndexedAccess", "--target", "es2023", "--module", "esnext",
			"--moduleResolution", "bundler", "--types", "node", "docs.ts", "generated.ts")
		p.prints("tess: Hello from TypeScript", "node", "docs.js")
		p.prints(`{"refused":["username_taken","invalid_request"],"wrongFields":["username"],"sent":[1,1],"replayed":"true",`+
			`"content":"Assam, Darjeeling\n","told":["ready true","presence.entered","message.created toni: Is the kettle on? ",`+
			`"message.created toni: We have: list.txt","message.created toni: Two minutes. ","reaction.added 3 🫖","room.painted"],`+
			`"polled":[1,2,3],"history":["We have:","Two minutes."],"found":[1]}`, "node", "generated.js", p.url)
		p.holds("tea", 3)
	})
}

// TestGoClient does the same in Go.
func TestGoClient(t *testing.T) {
	harness.NeedProgram(t, "bash")
	harness.NeedProgram(t, "go")
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := newGenerated(t, database, "Go")
		p.write("parley.yaml", p.block("yaml"))
		// The packages that the client needs are among Parley's own, at versions that are there already.
		own, err := os.ReadFile(harness.RepositoryPath("go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		p.write("go.mod", strings.Replace(string(own), "module github.com/parley-chat/parley", "module example.com/chat", 1))
		p.copy(harness.RepositoryPath("go.sum"))
		p.write("docs/main.go", p.block("go"))
		p.copy(filepath.Join(goFolder, "main.go"))
		p.copy(filepath.Join(goFolder, "answer.go"))
		p.copy(filepath.Join(goFolder, "stream.go"))
		p.run("bash", "-e", "-c", p.block("bash"))
		// Without the folder in what is built, the client is compiled once for all runs.
		p.run("go", "build", "-trimpath", "-o", "bin/", ".", "./docs")
		p.run("go", "vet", ".", "./docs")
		p.prints("gopher: Hello from Go", "bin/docs")
		p.prints(`{"refused":"invalid_request","field":"handle","sent":[1,1],"replayed":true,"content":"Assam, Darjeeling\n",`+
			`"told":["ready true","presence.entered","message.created glenda: Is the kettle on?","message.created glenda: We have:",`+
			`"message.created glenda: Two minutes.","reaction.added 3 🫖","room.painted"],`+
			`"polled":[1,2,3],"history":["We have:","Two minutes."],"found":[1]}`, "bin/chat", p.url)
		p.holds("tea", 3)
	})
}

// generated is a folder in which a reader of docs/clients.md generates a client and uses it, and a server for it.
type generated struct {
	t      *testing.T
	folder string
	url    string
	docs   string // the section of the language, with the server's address in place of the reader's
}

func newGenerated(t *testing.T, database, language string) *generated {
	t.Helper()
	url := harness.StartServer(t, database, "--lobby", "lobby").URL
	_, part, found := strings.Cut(harness.ReadSection(t, "docs/clients.md", "Generated clients"), "\n### "+language+"\n")
	if !found {
		t.Fatalf("docs/clients.md does not say how to generate a client in %s", language)
	}
	part, _, _ = strings.Cut(part, "\n##")
	return &generated{t: t, folder: t.TempDir(), url: url, docs: strings.ReplaceAll(part, "http://"+harness.TourAddress, url)}
}

// block is the section's block of that kind. What is to be installed from elsewhere is in blocks of kind sh, which are
// not run.
func (p *generated) block(kind string) string {
	p.t.Helper()
	block := regexp.MustCompile("(?ms)^```" + kind + "\n(.*?\n)```$").FindStringSubmatch(p.docs)
	if block == nil {
		p.t.Fatalf("docs/clients.md has no block of kind %q in\n%s", kind, p.docs)
	}
	return block[1]
}

func (p *generated) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *generated) copy(path string) {
	p.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(filepath.Base(path), string(text))
}

func (p *generated) run(command string, args ...string) string {
	p.t.Helper()
	return string(harness.RunIn(p.t, p.folder, generatedTime, command, args...))
}

func (p *generated) prints(want, command string, args ...string) {
	p.t.Helper()
	if strings.Contains(command, "/") {
		command = filepath.Join(p.folder, command)
	}
	if got := strings.TrimSpace(p.run(command, args...)); got != want {
		p.t.Errorf("%s %s printed\n%s\nwanted\n%s", command, args, got, want)
	}
}

// holds wants so many messages in a room, whatever its clients believe.
func (p *generated) holds(handle string, count int) {
	p.t.Helper()
	var page models.Page[models.Message]
	harness.NewClient(p.t, p.url).NewGuestNamed("witness").Call("GET", harness.HandlePath(handle)+"/messages", nil).ExpectStatus(200).Decode(&page)
	if len(page.Items) != count {
		p.t.Errorf("#%s holds %d messages and not %d: %v", handle, len(page.Items), count, page.Items)
	}
}
