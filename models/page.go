package models

// Page is one page of a list. NextCursor is empty on the last one.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// Paging asks for a page: at most Limit items (1 to MaxPageSize), after the one that Cursor names.
type Paging struct {
	Limit  int
	Cursor string
}
