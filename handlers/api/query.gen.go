// Code generated from openapi.yaml by handlers/api/internal/queries. DO NOT EDIT.

package api

// Queries has the query parameters of each route; a route that is missing here has none.
var Queries = map[string]Query{
	"GET /healthz":                         {Open: true},
	"GET /metrics":                         {Open: true},
	"GET /readyz":                          {Open: true},
	"GET /v1/auth/{provider}":              {Parameters: map[string]bool{"redirect": false}},
	"GET /v1/auth/{provider}/callback":     {Parameters: map[string]bool{"code": false, "error": false, "state": false}, Open: true},
	"GET /v1/blocks":                       {Parameters: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/contacts":                     {Parameters: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/events":                       {Parameters: map[string]bool{"after": false, "lastEventId": false, "last_event_id": false, "limit": false, "room": true}},
	"GET /v1/events/log":                   {Parameters: map[string]bool{"after": false, "cursor": false, "limit": false}},
	"GET /v1/files/{file}/content":         {Parameters: map[string]bool{"download": false}, Open: true},
	"GET /v1/files/{file}/thumbnail":       {Open: true},
	"GET /v1/rooms":                        {Parameters: map[string]bool{"cursor": false, "limit": false, "since": false, "subject": false, "unread": false}},
	"GET /v1/rooms/search":                 {Parameters: map[string]bool{"cursor": false, "limit": false, "prefix": false, "subject": false}},
	"GET /v1/rooms/{room}/bans":            {Parameters: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/rooms/{room}/invites":         {Parameters: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/rooms/{room}/members":         {Parameters: map[string]bool{"cursor": false, "limit": false, "present": false}},
	"GET /v1/rooms/{room}/messages":        {Parameters: map[string]bool{"after": false, "around": false, "before": false, "cursor": false, "limit": false, "since": false, "until": false}},
	"GET /v1/rooms/{room}/messages/search": {Parameters: map[string]bool{"cursor": false, "limit": false, "prefix": false, "q": false}},
	"GET /v1/rooms/{room}/pins":            {Parameters: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/search":                       {Parameters: map[string]bool{"cursor": false, "limit": false, "q": false}},
	"GET /v1/sessions":                     {Parameters: map[string]bool{"cursor": false, "limit": false}},
	"GET /v1/users":                        {Parameters: map[string]bool{"cursor": false, "limit": false, "prefix": false}},
	"HEAD /v1/files/{file}/content":        {Parameters: map[string]bool{"download": false}, Open: true},
	"POST /v1/rooms/{room}/files":          {Parameters: map[string]bool{"name": false}},
}
