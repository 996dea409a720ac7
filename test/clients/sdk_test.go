package clients

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-chat/parley/sdk"
	"github.com/parley-chat/parley/test/harness"
)

// What a page may have to load for the SDK, and for the element beside it, compressed.
const (
	sdkLimit   = 15 * 1024
	embedLimit = 13 * 1024
)

// TestSDK runs the tests of node/sdk: the SDK against real servers, in Node.js, and in a browser where a file says so.
func TestSDK(t *testing.T) {
	harness.NeedNode(t)
	t.Parallel()
	for _, file := range sdkTests(t, "*.test.mjs") {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			t.Parallel()
			runScenes(t, file, "CHROMIUM=")
		})
	}
}

// TestSDKInBrowsers shares one log-in and one stream among the tabs of real browsers.
func TestSDKInBrowsers(t *testing.T) {
	runInBrowsers(t, filepath.Join("sdk", "browser", "tabs.test.mjs"))
}

// TestEmbedInBrowsers uses the element <parley-room> in pages of another origin, first in that of docs/embed.md.
func TestEmbedInBrowsers(t *testing.T) {
	runInBrowsers(t, filepath.Join("sdk", "browser", "embed.test.mjs"))
}

func runInBrowsers(t *testing.T, file string) {
	t.Helper()
	harness.NeedNode(t)
	t.Parallel()
	t.Run("Chromium", func(t *testing.T) {
		browser := harness.NeedBrowser(t)
		t.Parallel()
		runScenes(t, file, "CHROMIUM="+browser)
	})
	t.Run("Firefox", func(t *testing.T) {
		browser := harness.FindBrowser(t, "Firefox", os.Getenv("FIREFOX"), "firefox-esr", "firefox")
		t.Parallel()
		runScenes(t, file, "FIREFOX="+browser)
	})
}

func sdkTests(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(harness.NodeFolder(), "sdk", pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	files := make([]string, 0, len(found))
	for _, file := range found {
		files = append(files, filepath.Join("sdk", filepath.Base(file)))
	}
	return files
}

// TestSDKIsServed loads the modules and their types as a page of another origin does.
func TestSDKIsServed(t *testing.T) {
	server := harness.StartServer(t, harness.NewSQLite(t), "--cors-origins", "https://shop.example")
	client := harness.NewClient(t, server.URL)
	for path, want := range map[string][]byte{
		"/sdk.js": sdk.Module, "/sdk.d.ts": sdk.Types, "/embed.js": sdk.Embed, "/embed.d.ts": sdk.EmbedTypes,
	} {
		for _, origin := range []string{"https://shop.example", "https://stranger.example"} {
			got := client.Send("GET", path, nil, "Origin", origin, "Accept-Encoding", "identity").ExpectStatus(200)
			if !bytes.Equal(got.Body, want) {
				t.Errorf("%s: got %d bytes, want %d", path, len(got.Body), len(want))
			}
			allowed, cookies := got.Header("Access-Control-Allow-Origin"), got.Header("Access-Control-Allow-Credentials")
			if allowed != "*" || cookies != "" {
				t.Errorf("%s for %s: allows %q, with credentials %q", path, origin, allowed, cookies)
			}
			client.Send("GET", path, nil, "If-None-Match", got.Header("ETag"), "Accept-Encoding", "identity").ExpectStatus(304)
		}
		small := client.Send("GET", path, nil, "Accept-Encoding", "gzip").ExpectStatus(200)
		if small.Header("Content-Encoding") != "gzip" || len(small.Body) > len(want)/2 {
			t.Errorf("%s: got %d bytes of %d, encoded as %q", path, len(small.Body), len(want), small.Header("Content-Encoding"))
		}
	}
}

// TestSDKProgram runs the program of docs/clients.md with the module that the server serves.
func TestSDKProgram(t *testing.T) {
	harness.NeedProgram(t, "node")
	t.Parallel()
	server := harness.StartServer(t, harness.NewSQLite(t), "--lobby", "lobby")
	folder := t.TempDir()
	module := harness.NewClient(t, server.URL).Send("GET", "/sdk.js", nil, "Accept-Encoding", "identity").ExpectStatus(200)
	if err := os.WriteFile(filepath.Join(folder, "sdk.mjs"), module.Body, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, block := range harness.FencedBlock.FindAllStringSubmatch(
		harness.ReadSection(t, "docs/clients.md", "The JavaScript SDK"), -1) {
		if block[1] != "js" {
			continue
		}
		source := strings.ReplaceAll(block[2], "http://"+harness.DocumentedAddress, server.URL)
		if err := os.WriteFile(filepath.Join(folder, "chat.mjs"), []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		output := harness.RunCommand(t, folder, generatedTimeout, "node", "chat.mjs")
		if got := strings.TrimSpace(string(output)); got != "jess: Hello from JavaScript" {
			t.Errorf("the program printed %q", got)
		}
		return
	}
	t.Fatal("docs/clients.md has no program in section The JavaScript SDK")
}

func TestSDKIsSmall(t *testing.T) {
	for _, c := range []struct {
		name   string
		module []byte
		limit  int
	}{{"the SDK", sdk.Module, sdkLimit}, {"the element", sdk.Embed, embedLimit}} {
		var small bytes.Buffer
		w := gzip.NewWriter(&small)
		if _, err := w.Write(c.module); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if small.Len() > c.limit {
			t.Errorf("%s has %d bytes compressed, and may have %d", c.name, small.Len(), c.limit)
		}
	}
	if bytes.Contains(sdk.Module, []byte("import ")) || bytes.Contains(sdk.Module, []byte("require(")) {
		t.Error("the SDK loads another module")
	}
	for _, found := range regexp.MustCompile(`\bfrom"([^"]*)"`).FindAllSubmatch(sdk.Embed, -1) {
		if string(found[1]) != "./sdk.js" {
			t.Errorf("the element imports %q, and not the SDK beside it alone", found[1])
		}
	}
}

// TestSDKPackage packs the SDK for npm, installs the package in an empty folder, and uses it from JavaScript and from
// TypeScript.
func TestSDKPackage(t *testing.T) {
	harness.NeedNode(t)
	harness.NeedProgram(t, "npm")
	t.Parallel()
	folder := t.TempDir()
	run := func(command string, args ...string) string {
		return strings.TrimSpace(string(harness.RunCommand(t, folder, generatedTimeout, command, args...)))
	}
	pack := run("npm", "pack", "--silent", harness.RepositoryPath("sdk"))
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("package.json", `{"type": "module"}`)
	run("npm", "install", "--silent", "--offline", "--no-audit", "--no-fund", "./"+pack)
	write("use.js", `import { connect, Problem } from '@parley-chat/client'
console.log(typeof connect, new Problem(404).status)`)
	if got := run("node", "use.js"); got != "function 404" {
		t.Errorf("the package exports %q", got)
	}
	// On a server that renders pages, there are no elements.
	write("render.js", `import { ParleyRoom } from '@parley-chat/client/embed'
console.log(typeof ParleyRoom)`)
	if got := run("node", "render.js"); got != "function" {
		t.Errorf("the package exports as the element %q", got)
	}
	const packed = "LICENSE\nREADME.md\nembed.d.ts\nembed.js\npackage.json\nsdk.d.ts\nsdk.js"
	if got := run("bash", "-c", "cd node_modules/@parley-chat/client && ls"); got != packed {
		t.Errorf("the package has the files %q", got)
	}
	write("use.ts", sdkProgram)
	run(filepath.Join(harness.NodeFolder(), "node_modules/.bin/tsc"), "--noEmit", "--strict", "--noUncheckedIndexedAccess",
		"--target", "es2023", "--lib", "es2023,dom", "--module", "nodenext", "--moduleResolution", "nodenext",
		"use.ts")
}

// sdkProgram compiles only if the types are those of the contract: each line that must not compile says so.
const sdkProgram = `import { connect, Problem, type Message, type Room } from '@parley-chat/client'
import '@parley-chat/client/embed'

const parley = connect({ server: 'https://chat.example.com', token: async () => 'token' })
parley.on('message.created', (m: Message) => console.log(m.sender.display_name, m.files[0]?.sha256))
parley.on('reaction.added', (e) => console.log(e.emoji, e.count))
parley.on('*', ({ name }) => console.log(name))
// @ts-expect-error there is no such event
parley.on('message.painted', () => {})
// @ts-expect-error a guest has no password
void parley.logIn({ username: 'ada', guest: true, password: 1 })
const room: Room = await parley.open('#lobby')
// @ts-expect-error ids are numbers
const wrong: string = room.data.last_message_id
const sent: Message = await room.send({ text: 'hello', files: [new Blob(['x'])], reply_to: 4 }).sent
const bytes: Blob = await parley.download(sent.files[0] ?? '/v1/files/f_1/thumbnail')
const { data, headers }: { data: Message, headers: Headers } =
  await parley.request('GET', '/v1/rooms/1', { full: true })
const plain: Message = await parley.request<Message>('GET', '/v1/rooms/1')
console.log(bytes.size, headers.get('ETag'), data.id, plain.id)
try {
  await room.edit(sent.id, 'hello again')
} catch (err) {
  if (err instanceof Problem && err.code === 'blocked') console.log(err.retryAfter, wrong)
}
const off: () => void = room.subscribe(() => {})
off()
const element = document.createElement('parley-room')
element.token = async (fresh) => (fresh ? 'new' : 'old')
element.texts = { join: 'Mitmachen' }
element.addEventListener('parley-message', ({ detail }) => console.log(detail.sender.username))
// @ts-expect-error a room is a string: an id or a handle
element.room = 5
`
