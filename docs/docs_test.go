// Package docs_test checks every Markdown file of the repository: fences, tables, relative links and their anchors.
package docs_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

const root = ".."

func TestMarkdown(t *testing.T) {
	t.Parallel()
	documents := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "bin", "data", "node_modules"}, entry.Name()) {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		documents++
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, fault := range check(path, source) {
			t.Errorf("%s%s", path, fault)
		}
		return nil
	})
	if err != nil || documents < 10 {
		t.Fatalf("%d documents were checked, want at least 10: %v", documents, err)
	}
}

// TestCheckFindsEachFault breaks a valid document in each way that the check must report.
func TestCheckFindsEachFault(t *testing.T) {
	t.Parallel()
	valid := "# A page\n\n```bash\necho\n```\n\n```text\nout\n```\n\n- item:\n\n  ```\n  code\n  ```\n\n" +
		"| a | b |\n|---|---|\n| `x\\|y` | 2 |\n\n" +
		"## Two  words & `code`\n\n[here](#two--words--code), [there](../README.md), [an anchor](operating.md#settings)\n"
	if faults := check("page.md", []byte(valid)); len(faults) > 0 {
		t.Errorf("a valid document has faults: %v", faults)
	}
	for _, c := range []struct{ old, replaced, fault string }{
		{"echo\n```\n", "echo\n", ":6: an opening fence inside a code block"},
		{"  code\n  ```\n", "  code\n", ":13: the fence is never closed"},
		{"|---|---|\n", "|---|\n", ":17: a table that does not parse"},
		{"| 2 |", "| 2 | 3 |", ":19: 3 cells in a table of 2"},
		{"`x\\|y`", "`x|y`", ":19: 3 cells in a table of 2"},
		{"(#two--words--code)", "(#two-words)", ":23: no heading #two-words in page.md"},
		{"../README.md", "../README.txt", ":23: no file ../README.txt"},
		{"operating.md#settings", "operating.md#setting", ":23: no heading #setting in operating.md"},
		{"operating.md#settings", "operate.md#settings", ":23: no file operate.md"},
	} {
		faults := strings.Join(check("page.md", []byte(strings.Replace(valid, c.old, c.replaced, 1))), "\n")
		if !strings.Contains(faults, c.fault) {
			t.Errorf("with %q in place of %q: got %q, want %q", c.replaced, c.old, faults, c.fault)
		}
	}
}

var (
	openingFence = regexp.MustCompile("^\\s*(```+|~~~+)\\s*\\S")
	closingFence = regexp.MustCompile("^[\\s>]*(```+|~~~+)\\s*$")
	cellBorder   = regexp.MustCompile(`(?:^|[^\\])\|`)
)

func parse(source []byte) ast.Node {
	return goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
}

// check returns the faults of a document, each as ":line: what is wrong".
func check(path string, source []byte) (faults []string) {
	lines := strings.Split(string(source), "\n")
	report := func(line int, format string, args ...any) {
		faults = append(faults, fmt.Sprintf(":%d: ", line)+fmt.Sprintf(format, args...))
	}
	_ = ast.Walk(parse(source), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.FencedCodeBlock:
			checkFence(n, source, lines, report)
		case *tables.Table:
			checkTable(firstLine(n, source), lines, report)
		case *ast.Paragraph:
			if line := firstLine(n, source); strings.HasPrefix(strings.TrimSpace(lines[line-1]), "|") {
				report(line, "a table that does not parse")
			}
		case *ast.Link:
			checkLink(path, string(n.Destination), source, firstLine(n, source), report)
		case *ast.Image:
			checkLink(path, string(n.Destination), source, firstLine(n, source), report)
		}
		return ast.WalkContinue, nil
	})
	return faults
}

type reporter func(line int, format string, args ...any)

// checkFence requires a closing fence after a code block. Without one, the block extends to the end of the next block,
// and contains the next block's opening fence.
func checkFence(n *ast.FencedCodeBlock, source []byte, lines []string, report reporter) {
	content := n.Lines()
	first := firstLine(n, source)
	after := first + content.Len() // the line after the content, counted from 0
	for i := first; i < after; i++ {
		if openingFence.MatchString(lines[i]) {
			report(i+1, "an opening fence inside a code block; the fence at line %d is not closed before it", first)
		}
	}
	if after >= len(lines) || !closingFence.MatchString(lines[after]) {
		report(first, "the fence is never closed")
	}
}

// checkTable requires as many cells in each row as in the header: GitHub does not show excess cells.
func checkTable(head int, lines []string, report reporter) {
	cells := func(line string) int { return len(cellBorder.FindAllString(line, -1)) - 1 }
	want := cells(lines[head-1])
	for i := head; i < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i]), "|"); i++ {
		if got := cells(lines[i]); got != want {
			report(i+1, "%d cells in a table of %d", got, want)
		}
	}
}

// checkLink checks that the file and the heading of a relative link exist.
func checkLink(path, destination string, source []byte, line int, report reporter) {
	u, err := url.Parse(destination)
	if err != nil || u.IsAbs() {
		if err != nil {
			report(line, "%v", err)
		}
		return
	}
	target := path
	if u.Path != "" {
		target = filepath.Join(filepath.Dir(path), u.Path)
		if source, err = os.ReadFile(target); err != nil {
			if info, err := os.Stat(target); err != nil || !info.IsDir() {
				report(line, "no file %s", u.Path)
			}
			return
		}
	}
	if u.Fragment != "" && !slices.Contains(anchors(source), u.Fragment) {
		report(line, "no heading #%s in %s", u.Fragment, filepath.Base(target))
	}
}

// anchors returns the names that GitHub gives to the headings of a document.
func anchors(source []byte) (names []string) {
	_ = ast.Walk(parse(source), func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if heading, ok := node.(*ast.Heading); ok && entering {
			name := strings.Map(func(r rune) rune {
				switch {
				case r == ' ':
					return '-'
				case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
					return unicode.ToLower(r)
				}
				return -1
			}, string(heading.Lines().Value(source)))
			unique := name
			for i := 1; slices.Contains(names, unique); i++ {
				unique = fmt.Sprint(name, "-", i)
			}
			names = append(names, unique)
		}
		return ast.WalkContinue, nil
	})
	return names
}

// firstLine returns the line on which a node begins, counted from 1. For a code block it is the line of its opening
// fence.
func firstLine(node ast.Node, source []byte) int {
	position, above := 0, 0
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if fence, ok := n.(*ast.FencedCodeBlock); ok && fence.Info != nil {
			position = fence.Info.Segment.Start
		} else if n.Type() == ast.TypeBlock && n.Lines() != nil && n.Lines().Len() > 0 {
			position = n.Lines().At(0).Start
			if ok {
				above = 1 // the content begins on the line after the fence
			}
		} else if inner, ok := n.(*ast.Text); ok {
			position = inner.Segment.Start
		} else if entering {
			return ast.WalkContinue, nil
		}
		return ast.WalkStop, nil
	})
	return strings.Count(string(source[:position]), "\n") + 1 - above
}
