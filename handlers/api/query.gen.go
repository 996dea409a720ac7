// Code generated from openapi.yaml by handlers/api/internal/queries. DO NOT EDIT.

package api

// Queries has the query parameters of each route; a route that is missing here has none.
var Queries = map[string]Query{
	"GET /healthz":                         {Open: true},
	"GET /metrics":                         {Open: true},
	"GET /readyz":                          {Open: true},
	"GET /v1/auth/{provider}":              {Repeatable: map[string]bool{"redirect": false}},
	"GET /v1/auth/{provider}/callback":     {Repeatable: map[string]bool{"code": false, "error": false, "state": false}, Open: true},
	"GET /v1/blocks":                       {Repeatable: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/contacts":                     {Repeatable: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/events":                       {Repeatable: map[string]bool{"after": false, "lastEventId": false, "last_event_id": false, "limit": false, "room": true}},
	"GET /v1/events/log":                   {Repeatable: map[string]bool{"after": false, "cursor": false, "limit": false}},
	"GET /v1/files/{file}/content":         {Repeatable: map[string]bool{"download": false}, Open: true},
	"GET /v1/files/{file}/thumbnail":       {Open: true},
	"GET /v1/rooms":                        {Repeatable: map[string]bool{"cursor": false, "limit": false, "since": false, "subject": false, "unread": false}},
	"GET /v1/rooms/search":                 {Repeatable: map[string]bool{"cursor": false, "limit": false, "prefix": false, "subject": false}},
	"GET /v1/rooms/{room}/bans":            {Repeatable: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/rooms/{room}/invites":         {Repeatable: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/rooms/{room}/members":         {Repeatable: map[string]bool{"cursor": false, "limit": false, "present": false}},
	"GET /v1/rooms/{room}/messages":        {Repeatable: map[string]bool{"after": false, "around": false, "before": false, "cursor": false, "limit": false, "since": false, "until": false}},
	"GET /v1/rooms/{room}/messages/search": {Repeatable: map[string]bool{"cursor": false, "limit": false, "prefix": false, "q": false}},
	"GET /v1/rooms/{room}/pins":            {Repeatable: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/search":                       {Repeatable: map[string]bool{"cursor": false, "limit": false, "q": false}},
	"GET /v1/sessions":                     {Repeatable: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/users":                        {Repeatable: map[string]bool{"cursor": false, "limit": false, "prefix": false}},
	"HEAD /v1/files/{file}/content":        {Repeatable: map[string]bool{"download": false}, Open: true},
	"POST /v1/rooms/{room}/files":          {Repeatable: map[string]bool{"name": false}},
}
