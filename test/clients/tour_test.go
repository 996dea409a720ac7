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

// TestTour takes each tour of the documents word for word, in one shell: everything that the document shows must be printed.
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
					shell.take(s)
				}
				shell.leave()
			})
		})
	}
}

// tourStep is a block of commands, and what the document shows under it.
type tourStep struct {
	commands string
	shown    []tourOutput
}

type tourOutput struct {
	text    string
	kind    string         // json: an answer, which is there when its command is done; text: whatever comes
	pattern *regexp.Regexp // of the text that must be printed, masked
}

func (o tourOutput) isAnswer() bool { return o.kind == "json" }

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
			t.Fatalf("a block of kind %q has no place in the tour:\n%s", kind, text)
		}
	}
	if len(steps) == 0 {
		t.Fatalf("%s has no tour", document)
	}
	return steps
}

// tourPattern matches what a block shows: whole lines, in which "…" stands for anything; alone, for any lines. JSON is
// formatted in the document and comes on one line.
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
	for line := range strings.Lines(masked(text)) {
		if line == "…\n" {
			pattern += `(?:.*\n)*?`
		} else {
			pattern += strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
		}
	}
	return regexp.MustCompile(pattern)
}

// masked is text without what differs from run to run: times, the epoch of event ids, ids that cannot be guessed, and the
// heartbeats of a stream, which come at any moment.
func masked(text string) string {
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

// tourShell is a bash that reads its commands from a pipe, as from somebody who pastes them. What it starts in the
// background prints between the other output, whenever it has something.
type tourShell struct {
	t        *testing.T
	address  string
	cmd      *exec.Cmd
	commands io.WriteCloser
	lines    chan string // what is printed; closed at the end of it
	errors   *os.File    // what is printed to stderr
}

func newTourShell(t *testing.T, url string) *tourShell {
	t.Helper()
	errors, err := os.CreateTemp(t.TempDir(), "stderr")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash")
	// The reader's own settings for curl are left out, and so is the way through a proxy.
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
		t: t, address: strings.TrimPrefix(url, "http://"), cmd: cmd, commands: commands, lines: make(chan string), errors: errors,
	}
	go sh.read(printed)
	t.Cleanup(func() {
		_ = cmd.Wait() // ends the reading too
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
		sh.t.Fatalf("the shell has ended: %v\n%s", err, sh.complaints())
	}
}

// take runs a step and waits until everything that the document shows under it was printed.
func (sh *tourShell) take(s tourStep) {
	sh.t.Helper()
	sh.run(strings.ReplaceAll(s.commands, harness.TourAddress, sh.address) + "echo '" + tourStepEnd + "'")
	missing := slices.Clone(s.shown)
	printed, over := "", false
	// For the whole step: a stream without events has its heartbeats all the same.
	deadline := time.After(harness.Timeout)
	for !over || len(missing) > 0 {
		if over && slices.ContainsFunc(missing, tourOutput.isAnswer) {
			sh.fail(s, missing, printed)
		}
		line, ok := sh.next(deadline)
		if !ok {
			sh.fail(s, missing, printed)
		}
		// Not always a line of its own: what was printed last may not have ended its line.
		line, end := strings.CutSuffix(line, tourStepEnd)
		over = over || end
		if line != "" || !end {
			printed += line + "\n"
		}
		missing = slices.DeleteFunc(missing, func(o tourOutput) bool { return o.pattern.MatchString(masked(printed)) })
	}
}

func (sh *tourShell) fail(s tourStep, missing []tourOutput, printed string) {
	sh.t.Helper()
	what := "the shell did not come to the end"
	if len(missing) > 0 {
		what = "the document shows\n" + missing[0].text
	}
	sh.t.Fatalf("after\n%s\n%s\nthis was printed:\n%s%s", s.commands, what, printed, sh.complaints())
}

// next is the next line; ok is false when the shell has ended, and at the deadline.
func (sh *tourShell) next(deadline <-chan time.Time) (line string, ok bool) {
	select {
	case line, ok = <-sh.lines:
		return line, ok
	case <-deadline:
		return "", false
	}
}

func (sh *tourShell) complaints() string {
	text, err := os.ReadFile(sh.errors.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// leave ends the shell, which must not have failed.
func (sh *tourShell) leave() {
	sh.t.Helper()
	if err := sh.commands.Close(); err != nil {
		sh.t.Error(err)
	}
	if line, ok := sh.next(time.After(harness.Timeout)); ok {
		sh.t.Errorf("after the tour came %q", line)
	}
	if err := sh.cmd.Wait(); err != nil {
		sh.t.Errorf("the shell failed: %v\n%s", err, sh.complaints())
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
	settings := regexp.MustCompile("(?m)^\\| `--.*").FindAllString(harness.ReadSection(t, "docs/operating.md", "Settings"), -1)
	if !slices.EqualFunc(settings, want, strings.HasPrefix) {
		t.Errorf("the documented settings are\n%s\nbut parley serve has\n%s",
			strings.Join(settings, "\n"), strings.Join(want, "\n"))
	}
}
