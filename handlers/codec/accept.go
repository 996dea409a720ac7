package codec

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// The media types of the API.
const (
	JSON        = "application/json"
	ProblemJSON = "application/problem+json"
	MessagePack = "application/msgpack"
	MergePatch  = "application/merge-patch+json" // RFC 7396, which every PATCH follows under its other types too
	EventStream = "text/event-stream"
	HTML        = "text/html"
	Binary      = "application/octet-stream"
)

// preference is how much a client wants a media type: its weight, and how exactly the client named it (2: by its name,
// 1: as type/*, 0: as */*, or without the header).
type preference struct {
	weight    float64
	exactness int
}

// over reports whether p is wanted more than other.
func (p preference) over(other preference) bool {
	if p.weight != other.weight {
		return p.weight > other.weight
	}
	return p.exactness > other.exactness
}

// Preferred returns the media type that the client wants most, the first of equals, or "" if it accepts none of them.
func Preferred(r *http.Request, mediaTypes ...string) (best string) {
	if acceptsAll(r.Header["Accept"]) {
		return mediaTypes[0]
	}
	var highest preference
	for _, mediaType := range mediaTypes {
		p := preferenceFor(r, mediaType)
		if p.weight > 0 && (best == "" || p.over(highest)) {
			best, highest = mediaType, p
		}
	}
	return best
}

// acceptsAll reports whether a client accepts all media types equally, as most clients other than browsers do.
func acceptsAll(accept []string) bool {
	return len(accept) == 0 || len(accept) == 1 && (accept[0] == "" || accept[0] == "*/*")
}

// EventEncodingFor returns how the client wants events: EventStream, JSON, MessagePack, or "" if it accepts none.
func EventEncodingFor(r *http.Request) string { return Preferred(r, EventStream, JSON, MessagePack) }

// EncodingFor returns the encoding of a response that the client wants, or "" if it accepts none. A client that accepts
// only problems gets JSON: problems are the only media type in the contract of a route that responds without a body, so
// generated clients ask for nothing else there.
func EncodingFor(r *http.Request) string {
	if accept := r.Header["Accept"]; len(accept) == 1 && accept[0] == JSON {
		return JSON
	}
	mediaType := Preferred(r, JSON, MessagePack)
	if mediaType == "" && Preferred(r, ProblemJSON) != "" {
		return JSON
	}
	return mediaType
}

// preferenceFor reads Accept (RFC 9110, section 12.5.1): of the ranges that match, the most exact one decides.
// Malformed ranges are ignored.
func preferenceFor(r *http.Request, mediaType string) preference {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if strings.TrimSpace(accept) == "" {
		return preference{weight: 1}
	}
	family, _, _ := strings.Cut(mediaType, "/")
	best := preference{exactness: -1}
	for text := range strings.SplitSeq(accept, ",") {
		name, parameters, err := mime.ParseMediaType(text)
		if err != nil {
			continue
		}
		exactness := -1
		switch name {
		case mediaType:
			exactness = 2
		case family + "/*":
			exactness = 1
		case "*/*":
			exactness = 0
		}
		if exactness > best.exactness {
			best = preference{weight: weight(parameters), exactness: exactness}
		}
	}
	return best
}

func weight(parameters map[string]string) float64 {
	q, err := strconv.ParseFloat(parameters["q"], 64)
	if err != nil || q < 0 || q > 1 {
		return 1
	}
	return q
}

// WantsData reports whether the client prefers data to a page or a redirect.
func WantsData(r *http.Request) bool {
	mediaType := Preferred(r, HTML, JSON, MessagePack)
	return mediaType == JSON || mediaType == MessagePack
}

// AsksForPage reports whether the client names HTML among what it accepts, as a browser does when it navigates.
func AsksForPage(r *http.Request) bool { return preferenceFor(r, HTML).exactness == 2 }
