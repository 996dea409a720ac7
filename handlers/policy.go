package handlers

// authPolicy is what a route asks for to find its caller.
type authPolicy int

const (
	tokenRequired authPolicy = iota // the policy of every route that is not listed
	public                          // nothing is asked for
	tokenOptional                   // a token is not needed, but must be valid
	tokenOrCookie                   // for a browser's EventSource, which sends no headers
)

// authPolicies are the policies of routes such as "GET /v1/rooms". HEAD has the policy of GET.
type authPolicies map[string]authPolicy
