package auth

// Policy is what a route asks for to find its caller.
type Policy int

// The policies of routes.
const (
	TokenRequired Policy = iota // the policy of every route that is not listed
	Public                      // nothing is asked for
	TokenOptional               // a token is not needed, but must be valid
	TokenOrCookie               // for a browser's EventSource, which sends no headers
)

// Policies are the policies of routes such as "GET /v1/rooms". HEAD has the policy of GET.
type Policies map[string]Policy
