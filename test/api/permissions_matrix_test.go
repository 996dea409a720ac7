package api

// matrixColumns are the callers of the matrix, in the order of its cells. "no one" has no token. The stranger was never
// in the room. There are two former members: one left, and one was removed.
var matrixColumns = []string{"no one", "stranger", "member", "former", "banned", "moderator", "owner"}

// permissionMatrix has all permissions: the status that each caller gets from each route, in each kind of room and for
// each object. The test fails if the server has a route without rows, or if a row has no route.
//
// A cell is the status of the response. "banned" and "blocked" are the 403 with that code, and 403 is the one with the
// code "forbidden". A 404 must be the same as that for an object that does not exist. "." means that there is no such
// caller: direct rooms have no moderators. Of two cells, the second is for all callers with a token; a single cell is
// for all callers.
//
// Before the colon are the kind of room and the objects of the request, in the words of matrixObjects. "a member", "an
// outsider" and "another" are users beside the callers.
//
//nolint:dupword // neighbouring cells may be equal
const permissionMatrix = `
GET /v1/rooms/{room}
  public:                           401  200  200  200  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
PATCH /v1/rooms/{room}
  public:                           401  403  403  403  banned  200  200
  private:                          401  404  403  404  404     200  200
  direct, under a new handle:       401  404  403  .    .       .    .
DELETE /v1/rooms/{room}
  public:                           401  403  403  403  banned  403  204
  private:                          401  404  403  404  404     403  204
  direct:                           401  404  403  .    .       .    .

GET /v1/rooms/{room}/members
  public:                           401  200  200  200  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
PUT /v1/rooms/{room}/members/me
  public:                           401  200  200  200  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
PATCH /v1/rooms/{room}/members/me
  public:                           401  403  200  403  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
DELETE /v1/rooms/{room}/members/me
  public:                           401  204  204  204  204     204  204
  private:                          401  404  204  204  204     204  204
  direct:                           401  404  204  .    .       .    .
PUT /v1/rooms/{room}/members/{user}
  public, a member:                 401  403  403  403  banned  200  200
  private, a member:                401  404  403  404  404     200  200
  direct, a member:                 401  404  403  .    .       .    .
  public, a member, as owner:       401  403  403  403  banned  403  200
  private, a member, as owner:      401  404  403  404  404     403  200
  public, an outsider:              401  403  403  403  banned  200  200
  private, an outsider:             401  404  403  404  404     200  200
  direct, an outsider:              401  404  403  .    .       .    .
  public, an outsider, as owner:    401  403  403  403  banned  403  200
  private, an outsider, as owner:   401  404  403  404  404     403  200
  public, a banned user:            401  403  403  403  banned  banned  banned
  private, a banned user:           401  404  403  404  404     banned  banned
  public, the owner:                401  403  403  403  banned  403  403
  private, the owner:               401  404  403  404  404     403  403
  public, themself:                 401  403  403  403  banned  200  403
  private, themself:                401  404  403  404  404     200  403
  direct, themself:                 401  404  403  .    .       .    .
  public, themself, as owner:       401  403  403  403  banned  403  200
  private, themself, as owner:      401  404  403  404  404     403  200
DELETE /v1/rooms/{room}/members/{user}
  public, a member:                 401  403  403  403  banned  204  204
  private, a member:                401  404  403  404  404     204  204
  direct, a member:                 401  404  403  .    .       .    .
  public, an outsider:              401  403  403  403  banned  204  204
  private, an outsider:             401  404  403  404  404     204  204
  direct, an outsider:              401  404  403  .    .       .    .
  public, the owner:                401  403  403  403  banned  403  204
  private, the owner:               401  404  403  404  404     403  204
  public, themself:                 401  204  204  204  204     204  204
  private, themself:                401  404  204  204  204     204  204
  direct, themself:                 401  404  204  .    .       .    .

GET /v1/rooms/{room}/bans
  public:                           401  403  403  403  banned  200  200
  private:                          401  404  403  404  404     200  200
  direct:                           401  404  403  .    .       .    .
PUT /v1/rooms/{room}/bans/{user}
  public, a member:                 401  403  403  403  banned  200  200
  private, a member:                401  404  403  404  404     200  200
  direct, a member:                 401  404  403  .    .       .    .
  public, an outsider:              401  403  403  403  banned  200  200
  private, an outsider:             401  404  403  404  404     200  200
  direct, an outsider:              401  404  403  .    .       .    .
  public, the owner:                401  403  403  403  banned  403  400
  private, the owner:               401  404  403  404  404     403  400
  public, themself:                 401  403  403  403  banned  400  400
  private, themself:                401  404  403  404  404     400  400
  direct, themself:                 401  404  403  .    .       .    .
DELETE /v1/rooms/{room}/bans/{user}
  public, a banned user:            401  403  403  403  banned  204  204
  private, a banned user:           401  404  403  404  404     204  204
  direct, a member:                 401  404  403  .    .       .    .
  public, themself:                 401  403  403  403  banned  204  204
  private, themself:                401  404  403  404  404     204  204

POST /v1/rooms/{room}/invites
  public:                           401  403  403  403  banned  201  201
  private:                          401  404  403  404  404     201  201
  direct:                           401  404  403  .    .       .    .
GET /v1/rooms/{room}/invites
  public:                           401  403  403  403  banned  200  200
  private:                          401  404  403  404  404     200  200
  direct:                           401  404  403  .    .       .    .
DELETE /v1/rooms/{room}/invites/{code}
  public:                           401  403  403  403  banned  204  204
  private:                          401  404  403  404  404     204  204
  direct:                           401  404  403  .    .       .    .
POST /v1/invites/{code}
  public:                           401  200  200  200  banned  200  200
  private:                          401  200  200  200  banned  200  200
  public, a spent invite:           401  410  200  410  banned  200  200
  private, a spent invite:          401  410  200  410  banned  200  200
  private, a revoked invite:        401  404  404  404  404     404  404

PUT /v1/rooms/{room}/presence/{stream}
  public, own stream:               401  403  204  403  banned  204  204
  private, own stream:              401  404  204  404  404     204  204
  direct, own stream:               401  404  204  .    .       .    .
  public, another's stream:         401  403  404  403  banned  404  404
  private, another's stream:        401  404  404  404  404     404  404
  direct, another's stream:         401  404  404  .    .       .    .
DELETE /v1/rooms/{room}/presence/{stream}
  public, own stream:               401  204  204  204  banned  204  204
  private, own stream:              401  404  204  404  404     204  204
  direct, own stream:               401  404  204  .    .       .    .
  public, another's stream:         401  204  204  204  banned  204  204
  private, another's stream:        401  404  204  404  404     204  204
  direct, another's stream:         401  404  204  .    .       .    .
PUT /v1/rooms/{room}/read
  public:                           401  403  200  403  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
POST /v1/rooms/{room}/typing
  public:                           401  403  204  403  banned  204  204
  private:                          401  404  204  404  404     204  204
  direct:                           401  404  204  .    .       .    .
  direct, a member who blocks them: 401  404  blocked  .  .     .    .

POST /v1/rooms/{room}/messages
  public:                           401  403  201  403  banned  201  201
  private:                          401  404  201  404  404     201  201
  direct:                           401  404  201  .    .       .    .
  direct, a member who blocks them: 401  404  blocked  .  .     .    .
  public, own unsent file:          401  .    201  403  banned  201  201
  private, own unsent file:         401  .    201  404  404     201  201
  direct, own unsent file:          401  .    201  .    .       .    .
  public, another's unsent file:    401  403  400  403  banned  400  400
  private, another's unsent file:   401  404  400  404  404     400  400
  direct, another's unsent file:    401  404  400  .    .       .    .
  public, another's file:           401  403  400  403  banned  400  400
  public, own file:                 401  .    400  403  banned  400  400
  public, own file of another room: 401  403  400  403  banned  400  400
  private, own file of another room: 401  404  400  404  404     400  400
POST /v1/rooms/{room}/messages/form
  public:                           401  403  201  403  banned  201  201
  private:                          401  404  201  404  404     201  201
  direct:                           401  404  201  .    .       .    .
  direct, a member who blocks them: 401  404  blocked  .  .     .    .
GET /v1/rooms/{room}/messages
  public:                           401  200  200  200  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
  direct, a member who blocks them: 401  404  200  .    .       .    .
DELETE /v1/rooms/{room}/messages
  public:                           401  403  403  403  banned  204  204
  private:                          401  404  403  404  404     204  204
  direct:                           401  404  403  .    .       .    .
GET /v1/rooms/{room}/messages/search
  public:                           401  200  200  200  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
GET /v1/rooms/{room}/messages/{message}
  public, own message:              401  .    200  200  banned  200  200
  private, own message:             401  .    200  404  404     200  200
  direct, own message:              401  .    200  .    .       .    .
  public, another's message:        401  200  200  200  banned  200  200
  private, another's message:       401  404  200  404  404     200  200
  direct, another's message:        401  404  200  .    .       .    .
PATCH /v1/rooms/{room}/messages/{message}
  public, own message:              401  .    200  403  banned  200  200
  private, own message:             401  .    200  404  404     200  200
  direct, own message:              401  .    200  .    .       .    .
  direct, own message, a member who blocks them: 401  .  blocked  .  .  .  .
  public, another's message:        401  403  403  403  banned  403  403
  private, another's message:       401  404  403  404  404     403  403
  direct, another's message:        401  404  403  .    .       .    .
DELETE /v1/rooms/{room}/messages/{message}
  public, own message:              401  .    204  403  banned  204  204
  private, own message:             401  .    204  404  404     204  204
  direct, own message:              401  .    204  .    .       .    .
  public, another's message:        401  403  403  403  banned  204  204
  private, another's message:       401  404  403  404  404     204  204
  direct, another's message:        401  404  403  .    .       .    .
PUT /v1/rooms/{room}/messages/{message}/reactions/{emoji}
  public, own message:              401  .    200  403  banned  200  200
  private, own message:             401  .    200  404  404     200  200
  direct, own message:              401  .    200  .    .       .    .
  public, another's message:        401  403  200  403  banned  200  200
  private, another's message:       401  404  200  404  404     200  200
  direct, another's message:        401  404  200  .    .       .    .
  direct, another's message, a member who blocks them: 401  404  blocked  .  .  .  .
DELETE /v1/rooms/{room}/messages/{message}/reactions/{emoji}
  public, own message:              401  .    204  403  banned  204  204
  private, own message:             401  .    204  404  404     204  204
  direct, own message:              401  .    204  .    .       .    .
  public, another's message:        401  403  204  403  banned  204  204
  private, another's message:       401  404  204  404  404     204  204
  direct, another's message:        401  404  204  .    .       .    .
  direct, another's message, a member who blocks them: 401  404  blocked  .  .  .  .
GET /v1/rooms/{room}/pins
  public:                           401  200  200  200  banned  200  200
  private:                          401  404  200  404  404     200  200
  direct:                           401  404  200  .    .       .    .
PUT /v1/rooms/{room}/pins/{message}
  public, own message:              401  .    403  403  banned  200  200
  private, own message:             401  .    403  404  404     200  200
  direct, own message:              401  .    403  .    .       .    .
  public, another's message:        401  403  403  403  banned  200  200
  private, another's message:       401  404  403  404  404     200  200
  direct, another's message:        401  404  403  .    .       .    .
DELETE /v1/rooms/{room}/pins/{message}
  public, own message:              401  .    403  403  banned  204  204
  private, own message:             401  .    403  404  404     204  204
  direct, own message:              401  .    403  .    .       .    .
  public, another's message:        401  403  403  403  banned  204  204
  private, another's message:       401  404  403  404  404     204  204
  direct, another's message:        401  404  403  .    .       .    .
POST /v1/messages
  public:                           401  403  201  403  banned  201  201
  private:                          401  404  201  404  404     201  201
  to another:                       401  201
  to themself:                      401  400
  to a user who blocks them:        401  blocked

POST /v1/users
  anybody:                          201
  an account:                       201  403
GET /v1/users
  anybody:                          401  200
GET /v1/users/me
  anybody:                          401  200
PATCH /v1/users/me
  anybody:                          401  200
DELETE /v1/users/me
  anybody:                          401  204
PUT /v1/users/me/password
  a guest:                          401  403
  an account:                       401  204
GET /v1/users/{user}
  themself:                         401  200
  another:                          401  200
  a user who blocks them:           401  200
PUT /v1/users/{user}/direct
  themself:                         401  400
  another:                          401  200
  a user who blocks them:           401  blocked
GET /v1/contacts
  anybody:                          401  200
PUT /v1/contacts/{user}
  themself:                         401  400
  another:                          401  200
  a user who blocks them:           401  blocked
DELETE /v1/contacts/{user}
  themself:                         401  204
  another:                          401  204
  a user who blocks them:           401  204
GET /v1/blocks
  anybody:                          401  200
PUT /v1/blocks/{user}
  themself:                         401  400
  another:                          401  200
  a user who blocks them:           401  200
DELETE /v1/blocks/{user}
  themself:                         401  204
  another:                          401  204
  a user who blocks them:           401  204

POST /v1/sessions
  anybody:                          201
GET /v1/sessions
  anybody:                          401  200
POST /v1/sessions/refresh
  anybody:                          200
DELETE /v1/sessions/{session}
  own session:                      401  204
  another's session:                401  204
GET /v1/auth/providers
  anybody:                          200
GET /v1/auth/{provider}
  anybody:                          303
GET /v1/auth/{provider}/callback
  an unfinished login:              303
GET /v1/users/me/identities
  anybody:                          401  200
DELETE /v1/users/me/identities/{identity}
  own identity:                     401  204
  another's identity:               401  204

GET /v1/rooms
  anybody:                          401  200
POST /v1/rooms
  anybody:                          401  201
  private, a taken handle:          401  409
GET /v1/rooms/search
  anybody:                          401  200
GET /v1/search
  anybody:                          401  200
GET /v1/events
  anybody:                          401  200
GET /v1/events/log
  anybody:                          401  200
POST /v1/events/cookie
  anybody:                          401  204

POST /v1/rooms/{room}/files
  public:                           401  403  201  403  banned  201  201
  private:                          401  404  201  404  404     201  201
  direct:                           401  404  201  .    .       .    .
  public, as a form:                401  403  201  403  banned  201  201
  private, as a form:               401  404  201  404  404     201  201
  direct, as a form:                401  404  201  .    .       .    .
  direct, a member who blocks them: 401  404  blocked  .  .     .    .
GET /v1/files/{file}
  public, own file:                 401  .    200  200  404     200  200
  private, own file:                401  .    200  404  404     200  200
  direct, own file:                 401  .    200  .    .       .    .
  public, another's file:           401  200  200  200  404     200  200
  private, another's file:          401  404  200  404  404     200  200
  direct, another's file:           401  404  200  .    .       .    .
  public, own unsent file:          401  .    200  404  404     200  200
  private, own unsent file:         401  .    200  404  404     200  200
  direct, own unsent file:          401  .    200  .    .       .    .
  public, another's unsent file:    401  404  404  404  404     404  404
  private, another's unsent file:   401  404  404  404  404     404  404
  direct, another's unsent file:    401  404  404  .    .       .    .
GET /v1/files/{file}/content
  public, own file:                 401  .    200  200  404     200  200
  private, own file:                401  .    200  404  404     200  200
  direct, own file:                 401  .    200  .    .       .    .
  public, another's file:           401  200  200  200  404     200  200
  private, another's file:          401  404  200  404  404     200  200
  direct, another's file:           401  404  200  .    .       .    .
  public, own unsent file:          401  .    200  404  404     200  200
  private, own unsent file:         401  .    200  404  404     200  200
  direct, own unsent file:          401  .    200  .    .       .    .
  public, another's unsent file:    401  404  404  404  404     404  404
  private, another's unsent file:   401  404  404  404  404     404  404
  direct, another's unsent file:    401  404  404  .    .       .    .
HEAD /v1/files/{file}/content
  public, own file:                 401  .    200  200  404     200  200
  private, own file:                401  .    200  404  404     200  200
  direct, own file:                 401  .    200  .    .       .    .
  public, another's file:           401  200  200  200  404     200  200
  private, another's file:          401  404  200  404  404     200  200
  direct, another's file:           401  404  200  .    .       .    .
  public, own unsent file:          401  .    200  404  404     200  200
  private, own unsent file:         401  .    200  404  404     200  200
  direct, own unsent file:          401  .    200  .    .       .    .
  public, another's unsent file:    401  404  404  404  404     404  404
  private, another's unsent file:   401  404  404  404  404     404  404
  direct, another's unsent file:    401  404  404  .    .       .    .
GET /v1/files/{file}/thumbnail
  public, own file:                 401  .    200  200  404     200  200
  private, own file:                401  .    200  404  404     200  200
  direct, own file:                 401  .    200  .    .       .    .
  public, another's file:           401  200  200  200  404     200  200
  private, another's file:          401  404  200  404  404     200  200
  direct, another's file:           401  404  200  .    .       .    .
  public, own unsent file:          401  .    200  404  404     200  200
  private, own unsent file:         401  .    200  404  404     200  200
  direct, own unsent file:          401  .    200  .    .       .    .
  public, another's unsent file:    401  404  404  404  404     404  404
  private, another's unsent file:   401  404  404  404  404     404  404
  direct, another's unsent file:    401  404  404  .    .       .    .

POST /v1/uploads
  public:                           401  403  201  403  banned  201  201
  private:                          401  404  201  404  404     201  201
  direct:                           401  404  201  .    .       .    .
OPTIONS /v1/uploads
  anybody:                          204
HEAD /v1/uploads/{upload}
  public, own upload:               401  .    200  200  200     200  200
  private, own upload:              401  .    200  200  200     200  200
  direct, own upload:               401  .    200  .    .       .    .
  public, another's upload:         401  404  404  404  404     404  404
  private, another's upload:        401  404  404  404  404     404  404
  direct, another's upload:         401  404  404  .    .       .    .
PATCH /v1/uploads/{upload}
  public, own upload:               401  .    204  403  banned  204  204
  private, own upload:              401  .    204  404  404     204  204
  direct, own upload:               401  .    204  .    .       .    .
  public, another's upload:         401  404  404  404  404     404  404
  private, another's upload:        401  404  404  404  404     404  404
  direct, another's upload:         401  404  404  .    .       .    .
DELETE /v1/uploads/{upload}
  public, own upload:               401  .    204  204  204     204  204
  private, own upload:              401  .    204  204  204     204  204
  direct, own upload:               401  .    204  .    .       .    .
  public, another's upload:         401  204  204  204  204     204  204
  private, another's upload:        401  204  204  204  204     204  204
  direct, another's upload:         401  204  204  .    .       .    .
OPTIONS /v1/uploads/{upload}
  public, another's upload:         204

GET /
  anybody:                          200
GET /client/{module}
  anybody:                          200
GET /docs
  anybody:                          200
GET /docs/index.html
  anybody:                          200
GET /docs/problems
  anybody:                          200
GET /docs/problems.css
  anybody:                          200
GET /docs/problems.html
  anybody:                          200
GET /docs/reference.js
  anybody:                          200
GET /docs/swagger-ui-bundle.js
  anybody:                          200
GET /docs/swagger-ui.css
  anybody:                          200
GET /openapi.yaml
  anybody:                          200
GET /asyncapi.yaml
  anybody:                          200
GET /sdk.js
  anybody:                          200
GET /sdk.d.ts
  anybody:                          200
GET /embed.js
  anybody:                          200
GET /embed.d.ts
  anybody:                          200
GET /healthz
  anybody:                          200
GET /readyz
  anybody:                          200
GET /metrics
  anybody:                          200
`
