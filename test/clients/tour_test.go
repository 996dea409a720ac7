package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/parley/cli"
	"github.com/parley-chat/parley/test/harness"
)

// tourStepEnd is printed by the tour's shell when it has run all commands of a step.
const tourStepEnd = "--- end of the step ---"

// TestTour runs each tour of the documents word for word, each in one shell: everything that the document shows must be
// printed.
func TestTour(t *testing.T) {
	harness.NeedProgram(t, "bash")
	harness.NeedProgram(t, "curl")
	t.Parallel()
	for document, heading := range map[string]string{
		"README.md": "The tour in ten steps", "docs/getting-started.md": "The tour",
	} {
		steps := readTour(t, document, heading)
		t.Run(document, func(t *testing.T) {
			harness.OnEachDatabase(t, func(t *testing.T, database string) {
				shell := newTourShell(t, harness.StartServer(t, database, "--lobby", "lobby").URL)
				for _, s := range steps {
					shell.runStep(s)
				}
				shell.close()
			})
		})
	}
}

// tourStep is a block of commands, and the output that the document shows under it.
type tourStep struct {
	commands string
	shown    []tourOutput
}

type tourOutput struct {
	text    string
	kind    string         // json: a response, printed before its command ends; text: other output, at any time
	pattern *regexp.Regexp // of the text that must be printed, masked
}

func (o tourOutput) isJSON() bool { return o.kind == "json" }

func readTour(t *testing.T, document, heading string) (steps []tourStep) {
	t.Helper()
	tour := harness.ReadSection(t, document, heading)
	for _, block := range harness.FencedBlock.FindAllStringSubmatch(tour, -1) {
		kind, text := block[1], block[2]
		switch {
		case kind == "bash":
			steps = append(steps, tourStep{commands: text})
		case len(steps) > 0 && (kind == "json" || kind == "text"):
			last := &steps[len(steps)-1]
			last.shown = append(last.shown, tourOutput{text, kind, tourPattern(t, kind, text)})
		default:
			t.Fatalf("the tour has an unexpected block of kind %q:\n%s", kind, text)
		}
	}
	if len(steps) == 0 {
		t.Fatalf("%s has no tour", document)
	}
	return steps
}

// tourPattern returns a pattern for what a block shows: whole lines. "…" within a line matches any text, and a line "…"
// matches any number of lines. JSON is formatted in the document, and printed on one line.
func tourPattern(t *testing.T, kind, text string) *regexp.Regexp {
	t.Helper()
	if kind == "json" {
		var line bytes.Buffer
		if err := json.Compact(&line, []byte(text)); err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		text = line.String() + "\n"
	}
	pattern := "(?m)^"
	for line := range strings.Lines(maskVariableParts(text)) {
		if line == "…\n" {
			pattern += `(?:.*\n)*?`
		} else {
			pattern += strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
		}
	}
	return regexp.MustCompile(pattern)
}

// maskVariableParts masks what differs from run to run: times, the epoch of event ids, random ids, and the heartbeats
// of a stream, which are sent at any moment.
func maskVariableParts(text string) string {
	for _, m := range tourMasks {
		text = m.pattern.ReplaceAllString(text, m.mask)
	}
	return text
}

var tourMasks = []struct {
	pattern *regexp.Regexp
	mask    string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`), "TIME"},
	{regexp.MustCompile(`\b[a-z2-7]{10}-(\d+)\b`), "EPOCH-$1"},
	{regexp.MustCompile(`\b[A-Z2-7]{26}\b`), "OPAQUE"},
	{regexp.MustCompile(`(?m)^:\n\n`), ""},
}

// tourShell is a bash that reads its commands from a pipe, as if a reader pasted them. Programs that it starts in the
// background print at any time, in between the other output.
type tourShell struct {
	t        *testing.T
	address  string
	cmd      *exec.Cmd
	commands io.WriteCloser
	lines    chan string // of stdout; closed at its end
	errors   *os.File    // receives stderr
}

func newTourShell(t *testing.T, url string) *tourShell {
	t.Helper()
	errors, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash")
	// Ignore the curl settings and the HTTP proxy of the person who runs the tests.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "no_proxy=*")
	cmd.Stderr = errors
	commands, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	sh := &tourShell{
		t: t, address: strings.TrimPrefix(url, "http://"),
		cmd: cmd, commands: commands, lines: make(chan string), errors: errors,
	}
	go sh.read(printed)
	t.Cleanup(func() {
		_ = cmd.Wait() // ends sh.read too
		for range sh.lines {
		}
		_ = errors.Close()
	})
	sh.run("set -e -o pipefail")
	return sh
}

func (sh *tourShell) read(printed io.Reader) {
	defer close(sh.lines)
	for lines := bufio.NewScanner(printed); lines.Scan(); {
		sh.lines <- strings.TrimSuffix(lines.Text(), "\r")
	}
}

func (sh *tourShell) run(commands string) {
	sh.t.Helper()
	if _, err := fmt.Fprintln(sh.commands, commands); err != nil {
		sh.t.Fatalf("the shell has ended: %v\n%s", err, sh.errorOutput())
	}
}

// runStep runs a step and waits until everything that the document shows under it was printed.
func (sh *tourShell) runStep(s tourStep) {
	sh.t.Helper()
	sh.run(strings.ReplaceAll(s.commands, harness.DocumentedAddress, sh.address) + "echo '" + tourStepEnd + "'")
	missing := slices.Clone(s.shown)
	printed, ended := "", false
	// The deadline is for the whole step, not for each line: a stream without events still prints heartbeats.
	deadline := time.After(harness.Timeout)
	for !ended || len(missing) > 0 {
		if ended && slices.ContainsFunc(missing, tourOutput.isJSON) {
			sh.fail(s, missing, printed)
		}
		line, ok := sh.next(deadline)
		if !ok {
			sh.fail(s, missing, printed)
		}
		// The marker is not always on a line of its own: the last output may not have ended its line.
		line, end := strings.CutSuffix(line, tourStepEnd)
		ended = ended || end
		if line != "" || !end {
			printed += line + "\n"
		}
		missing = slices.DeleteFunc(missing, func(o tourOutput) bool {
			return o.pattern.MatchString(maskVariableParts(printed))
		})
	}
}

func (sh *tourShell) fail(s tourStep, missing []tourOutput, printed string) {
	sh.t.Helper()
	what := "the shell did not reach the end of the step"
	if len(missing) > 0 {
		what = "the document shows\n" + missing[0].text
	}
	sh.t.Fatalf("after\n%s\n%s\nbut this was printed:\n%s%s", s.commands, what, printed, sh.errorOutput())
}

// next returns the next line; ok is false if the shell has ended or the deadline has passed.
func (sh *tourShell) next(deadline <-chan time.Time) (line string, ok bool) {
	select {
	case line, ok = <-sh.lines:
		return line, ok
	case <-deadline:
		return "", false
	}
}

func (sh *tourShell) errorOutput() string {
	text, err := os.ReadFile(sh.errors.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// close ends the shell, and checks that it did not fail.
func (sh *tourShell) close() {
	sh.t.Helper()
	if err := sh.commands.Close(); err != nil {
		sh.t.Error(err)
	}
	if line, ok := sh.next(time.After(harness.Timeout)); ok {
		sh.t.Errorf("got %q after the tour, want no more output", line)
	}
	if err := sh.cmd.Wait(); err != nil {
		sh.t.Errorf("the shell failed: %v\n%s", err, sh.errorOutput())
	}
}

// TestDocsListEverySetting compares the table of settings in docs/operating.md with the flags of parley serve.
func TestDocsListEverySetting(t *testing.T) {
	t.Parallel()
	program, err := cli.Model()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, command := range program.Children {
		if command.Name != "serve" {
			continue
		}
		for _, f := range command.Flags {
			row := fmt.Sprintf("| %#q | %#q |", "--"+f.Name, strings.Join(f.Envs, ","))
			if f.HasDefault {
				row += fmt.Sprintf(" %#q", f.Default)
			}
			want = append(want, row)
		}
	}
	section := harness.ReadSection(t, "docs/operating.md", "Settings")
	settings := regexp.MustCompile("(?m)^\\| `--.*").FindAllString(section, -1)
	if !slices.EqualFunc(settings, want, strings.HasPrefix) {
		t.Errorf("the documented settings are\n%s\nwant those of parley serve\n%s",
			strings.Join(settings, "\n"), strings.Join(want, "\n"))
	}
}
