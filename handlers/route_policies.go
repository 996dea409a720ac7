package handlers

import (
	"time"

	"github.com/parley-chat/parley/handlers/auth"
)

// policies lists the routes that do not need a token, or take something else. HEAD has the policy of GET.
var policies = auth.Policies{
	"POST /v1/users":                   auth.TokenOptional,
	"POST /v1/sessions":                auth.Public,
	"POST /v1/sessions/refresh":        auth.Public,
	"GET /v1/auth/providers":           auth.Public,
	"GET /v1/auth/{provider}":          auth.TokenOptional,
	"GET /v1/auth/{provider}/callback": auth.Public,
	"OPTIONS /v1/uploads":              auth.Public,
	"OPTIONS /v1/uploads/{upload}":     auth.Public,
	"GET /v1/events":                   auth.TokenOrCookie,
	"GET /v1/events/log":               auth.TokenOrCookie,
	"GET /healthz":                     auth.Public,
	"GET /readyz":                      auth.Public,
	"GET /metrics":                     auth.Public,
}

// requestTimeout bounds a request that waits only for the database: when a network is cut off there is no other sign.
const requestTimeout = 20 * time.Second

// unboundedRoutes take as long as their client sends or reads; all others have a timeout. HEAD goes with GET.
var unboundedRoutes = map[string]bool{
	"GET /v1/events":                 true,
	"POST /v1/rooms/{room}/files":    true,
	"GET /v1/files/{file}/content":   true,
	"GET /v1/files/{file}/thumbnail": true,
	"POST /v1/uploads":               true,
	"PATCH /v1/uploads/{upload}":     true,
}

// routesOnFullDisk are the writing routes that go on while the disk is nearly full: they store nothing, or only what it
// takes to log in and to make room. Their handler refuses guests, since a guest is a new user.
var routesOnFullDisk = map[string]bool{
	"POST /v1/sessions":                      true,
	"POST /v1/sessions/refresh":              true,
	"POST /v1/events/cookie":                 true,
	"PUT /v1/users/me/password":              true,
	"PUT /v1/rooms/{room}/presence/{stream}": true,
	"POST /v1/rooms/{room}/typing":           true,
	"PUT /v1/rooms/{room}/bans/{user}":       true,
	"PUT /v1/blocks/{user}":                  true,
}
