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

// Operation is one method on one path of the contract.
type Operation struct {
	*openapi3.Operation
	Method, Path string
	Parameters   openapi3.Parameters // of the operation and of its path
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
		return true // the default of the contract
	}
	for _, scheme := range *op.Security {
		if len(scheme) == 0 {
			return false
		}
	}
	return len(*op.Security) > 0
}

// TakesJSON reports whether the operation accepts a JSON body.
func (op Operation) TakesJSON() bool { return op.takes("application/json") }

// TakesForm reports whether the operation accepts a multipart form as its body.
func (op Operation) TakesForm() bool { return op.takes("multipart/form-data") }

// TakesBytes reports whether the operation accepts a file or a chunk of a file as its body.
func (op Operation) TakesBytes() bool { return op.takes("*/*") || op.takes(UploadChunkType) }

func (op Operation) takes(mediaType string) bool {
	return op.RequestBody != nil && op.RequestBody.Value.Content[mediaType] != nil
}

// Parameter returns the operation's parameter with the name, nil if there is none.
func (op Operation) Parameter(name string) *openapi3.Parameter {
	for _, p := range op.Parameters {
		if p.Value.Name == name {
			return p.Value
		}
	}
	return nil
}

// Property returns the schema of a field of the JSON body, nil if there is none.
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

// UploadChunkType is the media type of a chunk of an upload (tus 1.0.0).
const UploadChunkType = "application/offset+octet-stream"

// Query returns the query that the operation requires, without one parameter.
func (op Operation) Query(without string) string {
	query := url.Values{}
	for _, p := range op.Parameters {
		// This search requires one of several parameters, which the contract cannot express.
		oneOf := op.OperationID == "SearchMessages" && p.Value.Name == "q" && without != "prefix"
		if p.Value.In == "query" && p.Value.Name != without && (p.Value.Required || oneOf) {
			query.Set(p.Value.Name, FormatExample(p.Value.Example))
		}
	}
	return query.Encode()
}

// FormatExample formats an example of the contract for a query or a header.
func FormatExample(example any) string {
	if number, isNumber := example.(float64); isNumber {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return fmt.Sprint(example)
}

// Document returns the parsed openapi.yaml. The tests check every request, response and event against it.
var Document = sync.OnceValue(func() *openapi3.T {
	doc, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		panic(err)
	}
	doc.Servers = nil // routes match on any host
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.RequestBody != nil {
				allowAnyMediaType(op.RequestBody.Value.Content)
			}
			for _, r := range op.Responses.Map() {
				allowAnyMediaType(r.Value.Content)
			}
		}
	}
	allowOlderPolling(doc)
	return doc
})

// allowOlderPolling lets GET /v1/events respond with a page of the log, which the contract says in prose only: clients
// are generated for one form of a response.
func allowOlderPolling(doc *openapi3.T) {
	stream := doc.Paths.Value("/v1/events").Get.Responses.Value("200").Value
	page := doc.Paths.Value("/v1/events/log").Get.Responses.Value("200").Value
	stream.Content["application/json"] = page.Content["application/json"]
	stream.Headers["Event-Cursor"] = &openapi3.HeaderRef{Value: &openapi3.Header{
		Parameter: openapi3.Parameter{Schema: openapi3.NewSchemaRef("", openapi3.NewStringSchema())},
	}}
}

// allowAnyMediaType lets bytes have the media type of their file. The contract says so in prose only, since most
// generators of clients do not know */*.
func allowAnyMediaType(c openapi3.Content) {
	if bytes := c[OctetStream]; bytes != nil {
		c["*/*"] = bytes
	}
}

// EventSchema returns the schema of the stream's events with the name. The contract names it in an extension only,
// since a union of all events breaks most generated clients.
func EventSchema(name string) *openapi3.Schema {
	stream := Document().Paths.Value("/v1/events").Get.Responses.Value("200").Value.Content["text/event-stream"]
	events, _ := stream.Extensions["x-events"].(map[string]any)
	reference, _ := events[name].(map[string]any)
	_, schema, _ := strings.Cut(fmt.Sprint(reference["$ref"]), "#/components/schemas/")
	if found := Document().Components.Schemas[schema]; found != nil {
		return found.Value
	}
	return &openapi3.Schema{Not: &openapi3.SchemaRef{Value: &openapi3.Schema{}}} // of an unknown event nothing is right
}

// contract returns the router that finds the operation of the contract for a request.
var contract = sync.OnceValue(func() routers.Router {
	router, err := legacy.NewRouter(Document())
	if err != nil {
		panic(err)
	}
	return router
})
