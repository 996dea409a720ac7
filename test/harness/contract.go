package harness

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/parley-chat/parley/handlers/api"
)

// Operation is one method of one path of the contract.
type Operation struct {
	*openapi3.Operation
	Method, Path string
	Parameters   openapi3.Parameters // its own, and its path's
}

// Operations returns all operations of the contract, in a fixed order.
func Operations() (all []Operation) {
	paths := Document().Paths
	for _, path := range paths.InMatchingOrder() {
		item := paths.Value(path)
		for method, op := range item.Operations() {
			all = append(all, Operation{op, method, path, slices.Concat(item.Parameters, op.Parameters)})
		}
	}
	slices.SortFunc(all, func(a, b Operation) int { return strings.Compare(a.OperationID, b.OperationID) })
	return all
}

// NeedsToken reports whether the operation refuses a caller without a token.
func (op Operation) NeedsToken() bool {
	if op.Security == nil {
		return true // the contract's own rule
	}
	for _, way := range *op.Security {
		if len(way) == 0 {
			return false
		}
	}
	return len(*op.Security) > 0
}

// TakesJSON reports whether the operation has a JSON body.
func (op Operation) TakesJSON() bool { return op.takes("application/json") }

// TakesForm reports whether the operation has a form for a body, perhaps beside others.
func (op Operation) TakesForm() bool { return op.takes("multipart/form-data") }

// TakesBytes reports whether the operation's body is, or may be, a file or a part of one.
func (op Operation) TakesBytes() bool { return op.takes("*/*") || op.takes(UploadChunkType) }

func (op Operation) takes(mediaType string) bool {
	return op.RequestBody != nil && op.RequestBody.Value.Content[mediaType] != nil
}

// Parameter is the operation's parameter of that name, nil for none.
func (op Operation) Parameter(name string) *openapi3.Parameter {
	for _, p := range op.Parameters {
		if p.Value.Name == name {
			return p.Value
		}
	}
	return nil
}

// Property is the schema of a field of the body.
func (op Operation) Property(name string) *openapi3.Schema {
	body := op.RequestBody.Value.Content["application/json"].Schema.Value
	for _, form := range append(slices.Clone(body.OneOf), &openapi3.SchemaRef{Value: body}) {
		if p := form.Value.Properties[name]; p != nil {
			if len(p.Value.AllOf) == 1 {
				return p.Value.AllOf[0].Value
			}
			return p.Value
		}
	}
	return nil
}

// UploadChunkType is the media type of a part of an upload (tus).
const UploadChunkType = "application/offset+octet-stream"

// Query is the query that the operation needs, but for one parameter.
func (op Operation) Query(without string) string {
	query := url.Values{}
	for _, p := range op.Parameters {
		// Of the parameters of this search one is needed, which the contract cannot say.
		oneOf := op.OperationID == "SearchMessages" && p.Value.Name == "q" && without != "prefix"
		if p.Value.In == "query" && p.Value.Name != without && (p.Value.Required || oneOf) {
			query.Set(p.Value.Name, Written(p.Value.Example))
		}
	}
	return query.Encode()
}

// Written is an example as it stands in a query or a header.
func Written(example any) string {
	if number, isNumber := example.(float64); isNumber {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return fmt.Sprint(example)
}

// Document is openapi.yaml, which every request, every answer and every event of the tests is checked against.
var Document = sync.OnceValue(func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		panic(err)
	}
	doc.Servers = nil // any host
	return doc
})

// contract finds the route of the document that a request is for.
var contract = sync.OnceValue(func() routers.Router {
	router, err := legacy.NewRouter(Document())
	if err != nil {
		panic(err)
	}
	return router
})
