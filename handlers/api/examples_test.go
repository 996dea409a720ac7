package api_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

// exampleTypes are the types of the schemas that have examples, by their names in overlay.yaml.
var exampleTypes = map[string]any{
	"models.Session": models.Session{}, "models.SessionInfo": models.SessionInfo{}, "models.User": models.User{},
	"models.UserRef": models.UserRef{}, "models.Contact": models.Contact{}, "models.Identity": models.Identity{},
	"models.Room": models.Room{}, "models.Membership": models.Membership{}, "models.Member": models.Member{},
	"models.Ban": models.Ban{}, "models.Invite": models.Invite{}, "models.Message": models.Message{},
	"models.Reaction": models.Reaction{}, "models.File": models.File{}, "models.Problem": models.Problem{},
	"models.FieldError": models.FieldError{}, "models.NewUser": models.NewUser{},
	"models.ProfileChange": models.ProfileChange{}, "models.PasswordChange": models.PasswordChange{},
	"models.Credentials": models.Credentials{}, "models.Refresh": models.Refresh{}, "models.NewRoom": models.NewRoom{},
	"models.RoomChange": models.RoomChange{}, "models.RoleChange": models.RoleChange{},
	"models.MembershipChange": models.MembershipChange{}, "models.NewBan": models.NewBan{},
	"models.NewInvite": models.NewInvite{}, "models.ReadMark": models.ReadMark{}, "models.NewMessage": models.NewMessage{},
	"models.TargetedMessage": models.TargetedMessage{}, "models.MessageEdit": models.MessageEdit{},
	"models.Ready": models.Ready{}, "models.MessageRef": models.MessageRef{},
	"models.HistoryCleared": models.HistoryCleared{}, "models.RoomGone": models.RoomGone{},
	"models.MemberEvent": models.MemberEvent{}, "models.PresenceEvent": models.PresenceEvent{},
	"models.UserStatus": models.UserStatus{}, "models.Typing": models.Typing{}, "models.ReadEvent": models.ReadEvent{},
	"models.ReactionEvent": models.ReactionEvent{}, "models.PinEvent": models.PinEvent{},
	"models.ContactEvent": models.ContactEvent{}, "models.SessionRevoked": models.SessionRevoked{},
	"models.ServerClosing": models.ServerClosing{}, "models.Resync": models.Resync{}, "models.Busy": models.Busy{},
	"models.Event": models.Event{},
}

// TestExamplesAreWhatTheServerSends reads each example of a schema into its type and encodes it again: the server would
// send exactly these fields, in this form. An example that lacks a field, or has one that is absent, is none.
func TestExamplesAreWhatTheServerSends(t *testing.T) {
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	typed := regexp.MustCompile(`target: \$\.components\.schemas\.(\w+)\n\s+update: \{ x-go-type: "?([\w.]+)"?[ ,]`)
	types := map[string]string{"MemberBanned": "models.MemberEvent"}
	for name := range contract.Components.Schemas { // the data of events, which no operation refers to
		if _, known := exampleTypes["models."+name]; known {
			types[name] = "models." + name
		}
	}
	for _, m := range typed.FindAllStringSubmatch(read(t, "handlers/api/overlay.yaml"), -1) {
		types[m[1]] = m[2]
	}
	seen := 0
	for name, typeName := range types {
		schema := contract.Components.Schemas[name]
		if schema == nil || schema.Value.Example == nil {
			continue
		}
		seen++
		of, known := exampleTypes[typeName]
		if !known {
			t.Errorf("add %s, the type of %s, to exampleTypes", typeName, name)
			continue
		}
		expectSentAs(t, name, schema.Value.Example, of)
	}
	if seen < 30 {
		t.Errorf("only %d schemas with an example were found", seen)
	}
	for name, response := range contract.Components.Responses {
		for _, media := range response.Value.Content {
			for code, example := range media.Examples {
				expectSentAs(t, name+" "+code, example.Value.Value, models.Problem{})
				problem, _ := example.Value.Value.(map[string]any)
				if kind, _ := problem["type"].(string); !strings.HasSuffix(kind, "#"+code) || problem["code"] != code {
					t.Errorf("%s: the example %s has the type %s and the code %s", name, code, kind, problem["code"])
				}
			}
		}
	}
}

// expectSentAs fails the test unless the example is what comes out when a value of a type is encoded.
func expectSentAs(t *testing.T, name string, example, of any) {
	t.Helper()
	value := reflect.New(reflect.TypeOf(of))
	text, err := json.Marshal(example)
	if err != nil {
		t.Fatal(name, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(value.Interface()); err != nil {
		t.Errorf("%s: the example cannot be read: %v", name, err)
		return
	}
	again, err := json.Marshal(value.Interface())
	if err != nil {
		t.Fatal(name, err)
	}
	var want, got any
	if json.Unmarshal(text, &want) != nil || json.Unmarshal(again, &got) != nil || !reflect.DeepEqual(want, got) {
		t.Errorf("%s: the example is\n%s\nand the server would send\n%s", name, text, again)
	}
}
