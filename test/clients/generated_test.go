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
	generatedTimeout = 10 * time.Minute
	// goFolder holds the longer of the two Go programs; the shorter one is in docs/clients.md.
	goFolder = "testdata/go"
)

// TestTypeScriptClient generates a client from the contract that a server publishes, with the commands of
// docs/clients.md, and runs the program there and a longer one. If a generated type is not as they expect, they do not
// compile. All of that is done once, since the contract does not depend on the database; the programs run on each.
func TestTypeScriptClient(t *testing.T) {
	harness.NeedNode(t)
	harness.NeedProgram(t, "bash")
	t.Parallel()
	packages, err := filepath.Abs(filepath.Join(harness.NodeFolder(), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	p := newGeneratedClient(t, "TypeScript")
	if err := os.Symlink(packages, filepath.Join(p.folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	p.write("package.json", `{"type": "module"}`)
	p.write("docs.ts", p.block("ts"))
	p.copy(filepath.Join(harness.NodeFolder(), "generated.ts"))
	p.run("bash", "-e", "-c", p.block("bash"))
	p.run("node_modules/.bin/tsc", "--strict", "--noUncheckedIndexedAccess", "--target", "es2023",
		"--module", "esnext", "--moduleResolution", "bundler", "--types", "node", "docs.ts", "generated.ts")
	compiled, err := os.ReadFile(filepath.Join(p.folder, "docs.js"))
	if err != nil {
		t.Fatal(err)
	}
	p.onEachServer(func(p *generatedClient) {
		docs := "docs-" + filepath.Base(p.t.Name()) + ".js"
		p.write(docs, strings.ReplaceAll(string(compiled), p.contractURL, p.url))
		p.expectOutput("tess: Hello from TypeScript", "node", docs)
		p.expectOutput(`{"refused":["username_taken","invalid_request"],"wrongFields":["username"],"sent":[1,1],`+
			`"replayed":"true","content":"Assam, Darjeeling\n","events":["ready true","presence.entered",`+
			`"message.created toni: Is the kettle on? ","message.created toni: We have: list.txt",`+
			`"message.created toni: Two minutes. ","reaction.added 3 🫖","room.painted"],`+
			`"polled":[1,2,3],"history":["We have:","Two minutes."],"found":[1]}`, "node", "generated.js", p.url)
	})
}

// TestGoClient is TestTypeScriptClient for Go.
func TestGoClient(t *testing.T) {
	harness.NeedProgram(t, "bash")
	harness.NeedProgram(t, "go")
	t.Parallel()
	p := newGeneratedClient(t, "Go")
	p.write("parley.yaml", p.block("yaml"))
	// The client's packages are also required by Parley. With Parley's versions, none has to be downloaded.
	own, err := os.ReadFile(harness.RepositoryPath("go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	p.write("go.mod", strings.Replace(string(own), "module github.com/parley-chat/parley", "module example.com/chat", 1))
	p.copy(harness.RepositoryPath("go.sum"))
	p.write("docs/main.go", p.block("go"))
	p.copy(filepath.Join(goFolder, "main.go"))
	p.copy(filepath.Join(goFolder, "response.go"))
	p.copy(filepath.Join(goFolder, "stream.go"))
	p.run("bash", "-e", "-c", p.block("bash"))
	// With -trimpath the output does not depend on the folder, so Go's cache serves all later runs.
	p.run("go", "build", "-trimpath", "-o", "bin/", ".")
	p.run("go", "vet", "-trimpath", ".", "./docs")
	p.onEachServer(func(p *generatedClient) {
		docs := "docs-" + filepath.Base(p.t.Name())
		p.write(docs+"/main.go", p.block("go"))
		p.run("go", "build", "-trimpath", "-o", "bin/", "./"+docs)
		p.expectOutput("gopher: Hello from Go", "bin/"+docs)
		p.expectOutput(`{"refused":"invalid_request","field":"handle","sent":[1,1],"replayed":true,`+
			`"content":"Assam, Darjeeling\n","events":["ready true","presence.entered",`+
			`"message.created glenda: Is the kettle on?","message.created glenda: We have:",`+
			`"message.created glenda: Two minutes.","reaction.added 3 🫖","room.painted"],`+
			`"polled":[1,2,3],"history":["We have:","Two minutes."],"found":[1]}`, "bin/chat", p.url)
	})
}

// onEachDatabase is harness.OnEachDatabase for a test that is parallel already.
func onEachDatabase(t *testing.T, f func(t *testing.T, database string)) {
	t.Helper()
	t.Run("database", func(t *testing.T) { harness.OnEachDatabase(t, f) })
}

// generatedClient is a folder in which a client is generated and used as docs/clients.md describes, and a server for
// it.
type generatedClient struct {
	t           *testing.T
	folder      string
	url         string
	contractURL string // of the server whose contract the client is generated from
	section     string // of docs/clients.md about the language
	passedOver  string // what is left out of the output, because only some servers make a program print it
}

// newGeneratedClient starts the server that publishes the contract.
func newGeneratedClient(t *testing.T, language string) *generatedClient {
	t.Helper()
	_, part, found := strings.Cut(harness.ReadSection(t, "docs/clients.md", "Generated clients"), "\n### "+language+"\n")
	if !found {
		t.Fatalf("docs/clients.md does not say how to generate a client in %s", language)
	}
	part, _, _ = strings.Cut(part, "\n##")
	url := harness.StartServer(t, harness.NewSQLite(t)).URL
	return &generatedClient{t: t, folder: t.TempDir(), url: url, contractURL: url, section: part}
}

// onEachServer runs f on a server of its own on each database, and on one that answers as a later version may. The
// programs print the same everywhere, but for the names of events that they do not know, and leave three messages in
// #tea.
func (p *generatedClient) onEachServer(f func(p *generatedClient)) {
	p.t.Helper()
	run := func(t *testing.T, database, passedOver string, address func(url string) string) {
		t.Helper()
		other := *p
		other.passedOver = passedOver
		server := harness.StartServer(t, database, "--lobby", "lobby")
		other.t, other.url = t, address(server.URL)
		f(&other)
		other.url = server.URL
		other.expectMessageCount("tea", 3)
	}
	onEachDatabase(p.t, func(t *testing.T, database string) {
		run(t, database, "", func(url string) string { return url })
	})
	p.t.Run("later version", func(t *testing.T) {
		var newer *harness.NewerServer
		run(t, harness.NewSQLite(t), `"`+harness.NewerEventName+`",`, func(url string) string {
			newer = harness.StartNewerServer(t, url)
			return newer.URL
		})
		newer.ExpectUnknown(t)
	})
}

// block returns the section's code block of a kind, with the server's address in place of the documented one. Commands
// that install something are in blocks of kind sh, which are not run.
func (p *generatedClient) block(kind string) string {
	p.t.Helper()
	block := regexp.MustCompile("(?ms)^```" + kind + "\n(.*?\n)```$").FindStringSubmatch(p.section)
	if block == nil {
		p.t.Fatalf("docs/clients.md has no block of kind %q in\n%s", kind, p.section)
	}
	return strings.ReplaceAll(block[1], "http://"+harness.DocumentedAddress, p.url)
}

func (p *generatedClient) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.folder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *generatedClient) copy(path string) {
	p.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(filepath.Base(path), string(text))
}

func (p *generatedClient) run(command string, args ...string) string {
	p.t.Helper()
	return string(harness.RunCommand(p.t, p.folder, generatedTimeout, command, args...))
}

func (p *generatedClient) expectOutput(want, command string, args ...string) {
	p.t.Helper()
	if strings.Contains(command, "/") {
		command = filepath.Join(p.folder, command)
	}
	got := strings.TrimSpace(p.run(command, args...))
	if p.passedOver != "" {
		got = strings.ReplaceAll(got, p.passedOver, "")
	}
	if got != want {
		p.t.Errorf("%s %s printed\n%s\nwant\n%s", command, args, got, want)
	}
}

// expectMessageCount checks how many messages a room has, independently of what the generated client reported.
func (p *generatedClient) expectMessageCount(handle string, count int) {
	p.t.Helper()
	var page models.Page[models.Message]
	guest := harness.NewClient(p.t, p.url).NewGuestNamed("witness")
	guest.Call("GET", harness.HandlePath(handle)+"/messages", nil).ExpectStatus(200).Decode(&page)
	if len(page.Items) != count {
		p.t.Errorf("#%s has %d messages, want %d: %v", handle, len(page.Items), count, page.Items)
	}
}
