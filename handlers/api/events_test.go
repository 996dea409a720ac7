package api_test

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
)

// TestEventDataHasTheFieldsOfAllKeptEvents compares the schema EventData, which the log has for all events, with those
// of their data: it has their fields, of the same types, and no others. A field that two events have is of one type.
func TestEventDataHasTheFieldsOfAllKeptEvents(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	schemas := contract.Components.Schemas
	stream := contract.Paths.Value("/v1/events").Get.Responses.Value("200").Value.Content["text/event-stream"]
	events, _ := stream.Extensions["x-events"].(map[string]any)
	want, kept := map[string]string{}, []string{}
	for name, reference := range events {
		event := schemas[strings.TrimPrefix(reference.(map[string]any)["$ref"].(string), "#/components/schemas/")].Value
		if got := event.Properties["event"].Value.Enum; !reflect.DeepEqual(got, []any{name}) {
			t.Errorf("the schema of %s is for %v", name, got)
		}
		// The log shows each message as created, and where it begins is not an event of it.
		if !slices.Contains(event.Required, "id") || name == "message.notification" || name == "resync" {
			continue
		}
		kept = append(kept, name)
		for field, p := range event.Properties["data"].Value.Properties {
			if field == "membership" { // absent in events, which are the same for all readers
				continue
			}
			if other := want[field]; other != "" && other != typeOf(p) {
				t.Errorf("the field %s is %s in %s, and %s elsewhere", field, typeOf(p), name, other)
			}
			want[field] = typeOf(p)
		}
	}
	got := map[string]string{}
	for field, p := range schemas["EventData"].Value.Properties {
		got[field] = typeOf(p)
	}
	if !maps.Equal(got, want) || len(want) == 0 {
		t.Errorf("EventData has the fields\n%v\nwant\n%v", got, want)
	}
	listed, _ := schemas["PolledEvent"].Value.Properties["event"].Value.Extensions["x-extensible-enum"].([]any)
	for _, name := range listed {
		i := slices.Index(kept, name.(string))
		if i < 0 {
			t.Errorf("PolledEvent lists %v, which the log does not keep", name)
			continue
		}
		kept = slices.Delete(kept, i, i+1)
	}
	if len(kept) > 0 {
		t.Errorf("PolledEvent does not list the events %v", kept)
	}
}

// typeOf returns the type of a field, without its description and limits.
func typeOf(s *openapi3.SchemaRef) string {
	if s.Ref != "" {
		return s.Ref
	}
	if len(s.Value.AllOf) == 1 { // with a description of its own
		return s.Value.AllOf[0].Ref
	}
	if s.Value.Type.Is("array") {
		return "list of " + typeOf(s.Value.Items)
	}
	return strings.TrimSpace((*s.Value.Type)[0] + " " + s.Value.Format)
}

// TestComponentsAreUsed fails for a component of the contract to which nothing refers.
func TestComponentsAreUsed(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	components := map[string][]string{
		"schemas":    slices.Collect(maps.Keys(contract.Components.Schemas)),
		"parameters": slices.Collect(maps.Keys(contract.Components.Parameters)),
		"headers":    slices.Collect(maps.Keys(contract.Components.Headers)),
		"responses":  slices.Collect(maps.Keys(contract.Components.Responses)),
	}
	for kind, names := range components {
		for _, name := range names {
			if !regexp.MustCompile(`"#/components/` + kind + `/` + name + `"`).Match(api.Contract) {
				t.Errorf("nothing refers to %s/%s", kind, name)
			}
		}
		if len(names) == 0 {
			t.Errorf("the contract has no %s", kind)
		}
	}
}

// TestResponsesMayGrow fails for a schema of a response that clients take as closed: many generated clients refuse a
// field that is not in the schema unless it says that there may be more, and a value that is not in an enum.
func TestResponsesMayGrow(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[*openapi3.Schema]bool{}
	var check func(where string, s *openapi3.SchemaRef)
	check = func(where string, s *openapi3.SchemaRef) {
		if s == nil || seen[s.Value] {
			return
		}
		seen[s.Value] = true
		if s.Ref != "" {
			where = strings.TrimPrefix(s.Ref, "#/components/schemas/")
		}
		if len(s.Value.Enum) > 0 || len(s.Value.OneOf)+len(s.Value.AnyOf) > 0 || s.Value.Discriminator != nil {
			t.Errorf("%s is an enum or a union, to which no value can be added", where)
		}
		if s.Value.Type.Is("object") && (s.Value.AdditionalProperties.Has == nil || !*s.Value.AdditionalProperties.Has) {
			t.Errorf("%s does not have additionalProperties: true", where)
		}
		for name, p := range s.Value.Properties {
			check(where+"."+name, p)
		}
		check(where+"[]", s.Value.Items)
		for _, part := range s.Value.AllOf {
			check(where, part)
		}
	}
	for _, r := range routes(t) {
		for status, response := range r.Responses.Map() {
			for mediaType, content := range response.Value.Content {
				check(r.name+" "+status+" "+mediaType, content.Schema)
			}
			for name, header := range response.Value.Headers {
				check(r.name+" "+status+" "+name, header.Value.Schema)
			}
		}
	}
	for name, s := range contract.Components.Schemas {
		if data := s.Value.Properties["data"]; strings.HasPrefix(name, "Event") && data != nil {
			check(name+".data", data)
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d schemas were found", len(seen))
	}
}
