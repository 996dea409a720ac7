package api

// Query says what the query of a route may have.
type Query struct {
	Parameters map[string]bool // by name: whether the parameter may come more than once
	Open       bool            // parameters that are not known are ignored
}
