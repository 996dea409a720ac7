package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/parley-chat/parley/handlers/api"
)

// errorText is a text of an error in the server's source.
type errorText struct {
	of      string // the constant of its code, or the field that it is about; "" if the source does not show it
	pattern *regexp.Regexp
}

// TestExamplesHaveTheServersTexts compares the detail of each example of a problem, and the message about each field,
// with the texts in the server's source: a developer who searches for what an example says finds what the server says.
func TestExamplesHaveTheServersTexts(t *testing.T) {
	texts := errorTexts(t)
	var contract yaml.Node
	if err := yaml.Unmarshal(api.Contract, &contract); err != nil {
		t.Fatal(err)
	}
	problems, fields := 0, 0
	walk(&contract, func(line int, object map[string]string) {
		if detail, code := object["detail"], object["code"]; detail != "" && code != "" {
			problems++
			expectText(t, line, texts, constantOf(code), detail)
		}
		if message, field := object["message"], object["field"]; message != "" && field != "" {
			fields++
			expectText(t, line, texts, field, message)
		}
	})
	if problems < 60 || fields < 5 {
		t.Errorf("only %d problems and %d errors of fields were found", problems, fields)
	}
}

func expectText(t *testing.T, line int, texts []errorText, of, text string) {
	t.Helper()
	if !slices.ContainsFunc(texts, func(e errorText) bool {
		return (e.of == of || e.of == "") && e.pattern.MatchString(text)
	}) {
		t.Errorf("openapi.yaml:%d: the server's source has no text like %q for %s", line, text, of)
	}
}

// constantOf returns the name of the constant of a code: CodeNotFound of not_found.
func constantOf(code string) string {
	name := "Code"
	for word := range strings.SplitSeq(code, "_") {
		name += strings.ToUpper(word[:1]) + word[1:]
	}
	return name
}

// walk calls visit for each object in node, with its values that are strings.
func walk(node *yaml.Node, visit func(line int, object map[string]string)) {
	if node.Kind == yaml.MappingNode {
		object := map[string]string{}
		for i := 0; i < len(node.Content); i += 2 {
			if value := node.Content[i+1]; value.Kind == yaml.ScalarNode {
				object[node.Content[i].Value] = value.Value
			}
		}
		visit(node.Line, object)
	}
	for _, child := range node.Content {
		walk(child, visit)
	}
}

// errorTexts returns the texts in the source of the packages that make errors for clients.
func errorTexts(t *testing.T) (texts []errorText) {
	t.Helper()
	for _, folder := range []string{"../../models", "../../handlers", "../../sse", "../../cmd/parley/server"} {
		err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") ||
				strings.HasSuffix(path, ".gen.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			texts = append(texts, textsOf(file)...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// textsOf returns the texts of a file: those of calls and literals that make an error, and any other string, which may
// be a text that another function puts into one.
func textsOf(file *ast.File) (texts []errorText) {
	seen := map[ast.Node]bool{}
	add := func(of string, n ast.Expr, args ...ast.Expr) (isText bool) {
		format, isText := formatOf(n)
		if pattern := patternOf(format, args); isText && !seen[n] && pattern != nil {
			texts = append(texts, errorText{of, pattern})
		}
		seen[n] = true
		return isText
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if of := subjectOf(n); of != "" && len(n.Args) > 1 {
				add(of, n.Args[1], n.Args[2:]...)
			}
		case *ast.CompositeLit:
			values := map[string]ast.Expr{}
			for _, e := range n.Elts {
				if pair, ok := e.(*ast.KeyValueExpr); ok {
					values[nameOf(pair.Key)] = pair.Value
				}
			}
			if message := values["Message"]; message != nil && nameOf(values["Code"]) != "" {
				if call, ok := message.(*ast.CallExpr); ok && nameOf(call.Fun) == "Sprintf" {
					add(nameOf(values["Code"]), call.Args[0], call.Args[1:]...)
				} else {
					add(nameOf(values["Code"]), message)
				}
			}
		case *ast.BinaryExpr, *ast.BasicLit:
			return !add("", n.(ast.Expr))
		}
		return true
	})
	return texts
}

// subjectOf returns what the error is about that a call of Errorf, Invalid or check.fail makes: its code, or its field.
func subjectOf(call *ast.CallExpr) string {
	if len(call.Args) == 0 {
		return ""
	}
	switch nameOf(call.Fun) {
	case "Errorf":
		if name := nameOf(call.Args[0]); strings.HasPrefix(name, "Code") {
			return name
		}
	case "Invalid", "fail":
		field, _ := formatOf(call.Args[0])
		return field
	}
	return ""
}

// nameOf returns the last part of a name: CodeNotFound of models.CodeNotFound.
func nameOf(n ast.Expr) string {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		return n.Sel.Name
	case *ast.Ident:
		return n.Name
	}
	return ""
}

// formatOf returns the text of a string literal, or of several that are joined.
func formatOf(n ast.Expr) (string, bool) {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			text, err := strconv.Unquote(n.Value)
			return text, err == nil
		}
	case *ast.BinaryExpr:
		x, first := formatOf(n.X)
		y, second := formatOf(n.Y)
		return x + y, n.Op == token.ADD && first && second
	}
	return "", false
}

var verb = regexp.MustCompile(`%(\.\d)?[a-zA-Z]`)

// patternOf returns the pattern of what a format makes of its arguments, as far as they are known, or nil if the format
// has hardly a word of its own: what is made of it could be anything. A constant of another package, such as
// codec.JSON, is taken for one word.
func patternOf(format string, args []ast.Expr) *regexp.Regexp {
	if len(verb.ReplaceAllString(format, "")) < len("must be ") {
		return nil
	}
	parts := verb.Split(format, -1)
	pattern := "^" + regexp.QuoteMeta(parts[0])
	for i, v := range verb.FindAllString(format, -1) {
		what := ".+"
		switch v[len(v)-1] {
		case 'd', 'f':
			what = `\d+`
		case 'q':
			what = `"[^"]*"`
		case 's':
			if i < len(args) {
				if c, ok := args[i].(*ast.SelectorExpr); ok && c.Sel.IsExported() {
					what = `\S+`
				}
			}
		}
		pattern += what + regexp.QuoteMeta(parts[i+1])
	}
	return regexp.MustCompile(pattern + "$")
}
