package models

// Page is one page of a list. NextCursor is empty on the last one.
type Page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// EventPage is a page of the log. NextCursor is empty if there is no more now; Cursor is where to poll from later.
type EventPage struct {
	Page[Event]
	Cursor string `json:"cursor"`
}

// AppendPage appends p as encoding/json would write it, with <, > and & as they are.
func AppendPage[T interface{ AppendJSON(b []byte) []byte }](b []byte, p Page[T]) []byte {
	b = appendList(append(b, `{"items":`...), p.Items, T.AppendJSON)
	return append(appendOptional(b, `,"next_cursor":`, p.NextCursor), '}')
}

// Paging asks for a page: at most Limit items (1 to MaxPageSize), after the position of Cursor.
type Paging struct {
	Limit  int
	Cursor string
}
