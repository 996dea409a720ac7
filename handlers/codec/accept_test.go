package codec

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// asking is a request with the header Accept; "" for none.
func asking(t *testing.T, accept string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

// TestPreferred negotiates between an event stream, JSON and MessagePack.
func TestPreferred(t *testing.T) {
	for accept, want := range map[string]string{
		"":                               EventStream,
		"*/*":                            EventStream,
		"application/json":               JSON,
		"application/msgpack":            MessagePack,
		"image/png":                      "",
		"application/*":                  JSON,
		"application/*, text/*;q=0.5":    JSON,
		"application/json;q=0.5, */*":    EventStream,
		"application/json;q=0, */*":      EventStream,
		"text/event-stream;q=0, */*":     JSON,
		"*/*;q=0.5, application/msgpack": MessagePack,
		"application/msgpack;q=0.9, application/json;q=0.8":  MessagePack,
		"application/msgpack, application/json":              JSON,
		"nonsense, application/msgpack":                      MessagePack,
		"application/json; q=2, application/msgpack;q=0.999": JSON,
		"APPLICATION/JSON":                                   JSON,
	} {
		if got := Preferred(asking(t, accept), EventStream, JSON, MessagePack); got != want {
			t.Errorf("%s: %q, wanted %q", accept, got, want)
		}
	}
}

// TestEncodingFor has clients that accept problems alone: they get JSON.
func TestEncodingFor(t *testing.T) {
	for accept, want := range map[string]string{
		"": JSON, JSON: JSON, MessagePack: MessagePack, ProblemJSON: JSON, ProblemJSON + ";q=0": "", "text/html": "",
		"text/html, */*;q=0.1": JSON,
	} {
		if got := EncodingFor(asking(t, accept)); got != want {
			t.Errorf("%s: %q, wanted %q", accept, got, want)
		}
	}
}

// TestPagesAndData distinguishes browsers that navigate from programs.
func TestPagesAndData(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for accept, want := range map[string][2]bool{ // asks for a page, wants data
		browser: {true, false}, "": {false, false}, "*/*": {false, false}, JSON: {false, true},
		MessagePack + ", */*;q=0.1": {false, true},
	} {
		r := asking(t, accept)
		if got := [2]bool{AsksForPage(r), WantsData(r)}; got != want {
			t.Errorf("%s: %v", accept, got)
		}
	}
}
