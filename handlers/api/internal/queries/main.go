// Command queries writes query.gen.go: the query parameters of each route of the contract.
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"log"
	"maps"
	"os"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// openExtension marks the operations of the contract that ignore query parameters they do not know.
const openExtension = "x-unknown-query-parameters"

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: queries openapi.yaml query.gen.go")
	}
	contract, err := openapi3.NewLoader().LoadFromFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	code, err := generate(contract)
	if err == nil {
		err = os.WriteFile(os.Args[2], code, 0o644) //nolint:gosec // source code, like all others
	}
	if err != nil {
		log.Fatal(err)
	}
}

func generate(contract *openapi3.T) ([]byte, error) {
	queries := map[string]string{}
	for path, item := range contract.Paths.Map() {
		for method, op := range item.Operations() {
			names := map[string]bool{}
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				if p.Value.In == openapi3.ParameterInQuery {
					names[p.Value.Name] = p.Value.Schema.Value.Type.Is(openapi3.TypeArray)
				}
			}
			if value := literal(names, op.Extensions[openExtension] == "ignored"); value != "" {
				queries[method+" "+path] = value
			}
		}
	}
	var out bytes.Buffer
	fmt.Fprint(&out, "// Code generated from openapi.yaml by handlers/api/internal/queries. DO NOT EDIT.\n\n")
	fmt.Fprint(&out, "package api\n\n")
	fmt.Fprintln(&out, "// Queries has the query parameters of each route; a route that is missing here has none.")
	fmt.Fprintln(&out, "var Queries = map[string]Query{")
	for _, route := range slices.Sorted(maps.Keys(queries)) {
		fmt.Fprintf(&out, "%q: %s,\n", route, queries[route])
	}
	fmt.Fprintln(&out, "}")
	return format.Source(out.Bytes())
}

// literal is a Query in Go; "" for one that has nothing.
func literal(names map[string]bool, open bool) string {
	if len(names) == 0 && !open {
		return ""
	}
	var out bytes.Buffer
	fmt.Fprint(&out, "{")
	if len(names) > 0 {
		fmt.Fprint(&out, "Parameters: map[string]bool{")
		for _, name := range slices.Sorted(maps.Keys(names)) {
			fmt.Fprintf(&out, "%q: %t,", name, names[name])
		}
		fmt.Fprint(&out, "},")
	}
	if open {
		fmt.Fprint(&out, "Open: true")
	}
	fmt.Fprint(&out, "}")
	return out.String()
}
