package harness

import (
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/parley-chat/parley/handlers/api"
)

// StreamMessage is an event as asyncapi.yaml describes it.
type StreamMessage struct {
	Payload  *jsonschema.Schema
	Examples []any // of payloads
}

// StreamMessages returns the messages of asyncapi.yaml by the names of the events. The tests check every event that
// they receive against its payload.
var StreamMessages = sync.OnceValue(func() map[string]StreamMessage {
	var document struct {
		Components struct {
			Messages map[string]struct {
				Examples []struct{ Payload any }
			}
		}
	}
	var whole any
	for _, v := range []any{&document, &whole} {
		if err := yaml.Unmarshal(api.StreamContract, v); err != nil {
			panic(err)
		}
	}
	const name = "parley:asyncapi"
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7) // what a schema of AsyncAPI 3.0 is
	compiler.AssertFormat()
	if err := compiler.AddResource(name, whole); err != nil {
		panic(err)
	}
	messages := map[string]StreamMessage{}
	for event, described := range document.Components.Messages {
		m := StreamMessage{Payload: compiler.MustCompile(name + "#/components/messages/" + event + "/payload")}
		for _, example := range described.Examples {
			m.Examples = append(m.Examples, example.Payload)
		}
		messages[event] = m
	}
	return messages
})
