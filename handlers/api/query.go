package api

// Query says what the query of a route may have.
type Query struct {
	Repeatable map[string]bool // by the name of a parameter: whether it may come more than once
	Open       bool            // parameters that are not known are ignored
}
