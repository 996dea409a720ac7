package generators

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// builtFile holds, in the folder of a client, the hash of what it was made of. It is written last.
const builtFile = "built.sha256"

// buildClient makes a client of the contract that a server publishes, and returns its folder. A client that was made
// of the same contract, section and program by an earlier run is taken as it is.
func buildClient(t *testing.T, g generator, tools string) string {
	t.Helper()
	server := harness.StartServer(t, harness.NewSQLite(t))
	section := readSection(t, g.section)
	hash := sha256.New()
	contract, events := readContract(t, server.URL+"/openapi.yaml"), readContract(t, server.URL+"/asyncapi.yaml")
	for _, part := range []string{section, g.prepare, g.build, string(contract), string(events)} {
		_, _ = io.WriteString(hash, part+"\x00")
	}
	programs := g.testdata(t)
	for _, p := range programs {
		_, _ = io.WriteString(hash, p.name+"\x00"+string(p.text)+"\x00")
	}
	key := hex.EncodeToString(hash.Sum(nil))

	tools, err := filepath.Abs(tools)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(tools, "clients", g.name)
	if built, err := os.ReadFile(filepath.Join(folder, builtFile)); err == nil && string(built) == key {
		return folder
	}
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, p := range programs {
		writeFile(t, filepath.Join(folder, p.name), p.text)
	}
	for kind, name := range g.files {
		writeFile(t, filepath.Join(folder, name), []byte(block(t, section, kind)))
	}
	linkTools(t, tools, folder, section)
	commands := strings.ReplaceAll(block(t, section, "bash"), "http://"+harness.DocumentedAddress, server.URL)
	for _, script := range []string{g.prepare, commands, g.build} {
		harness.RunCommand(t, folder, buildTimeout, "bash", "-e", "-c", script)
	}
	writeFile(t, filepath.Join(folder, builtFile), []byte(key))
	return folder
}

// linkTools makes the jars of the generators appear in the folder, where the documents have the reader put them.
func linkTools(t *testing.T, tools, folder, section string) {
	t.Helper()
	jars, err := filepath.Glob(filepath.Join(tools, "*.jar"))
	if err != nil {
		t.Fatal(err)
	}
	if len(jars) == 0 && strings.Contains(section, "openapi-generator-cli") {
		harness.Missing(t, "openapi-generator is missing: make test-generators fetches it")
	}
	for _, jar := range jars {
		if err := os.Symlink(jar, filepath.Join(folder, filepath.Base(jar))); err != nil {
			t.Fatal(err)
		}
	}
}

// readSection returns a section of level 3 of "Generated clients" in docs/clients.md.
func readSection(t *testing.T, heading string) string {
	t.Helper()
	_, part, found := strings.Cut(harness.ReadSection(t, "docs/clients.md", "Generated clients"), "\n### "+heading+"\n")
	if !found {
		t.Fatalf("docs/clients.md does not say how to generate a client in %s", heading)
	}
	part, _, _ = strings.Cut(part, "\n### ")
	return part
}

// block returns the code block of a kind.
func block(t *testing.T, section, kind string) string {
	t.Helper()
	for _, b := range harness.FencedBlock.FindAllStringSubmatch(section, -1) {
		if b[1] == kind {
			return b[2]
		}
	}
	t.Fatalf("docs/clients.md has no block of kind %q in\n%s", kind, section)
	return ""
}

func readContract(t *testing.T, url string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var contract bytes.Buffer
	if _, err := contract.ReadFrom(res.Body); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", url, res.Status, err)
	}
	return contract.Bytes()
}

// program is a file of testdata.
type program struct {
	name string
	text []byte
}

// readFolder returns the files in a folder and below, none if there is no such folder.
func readFolder(t *testing.T, folder string) []program {
	t.Helper()
	var files []program
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, path)
		files = append(files, program{name, text})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
