package handlers

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
	msgpackType = "application/msgpack"
	streamType  = "text/event-stream"
	pageType    = "text/html"
)

// preference is how much a client wants a media type: its weight, and how exactly it named it (2: itself, 1: type/*,
// 0: */* or nothing at all).
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

// preferred is the media type that the client wants most, the first of those it wants alike, or "" when it takes none.
func preferred(r *http.Request, mediaTypes ...string) (most string) {
	if takesAny(r.Header["Accept"]) {
		return mediaTypes[0]
	}
	var best preference
	for _, mediaType := range mediaTypes {
		p := preferenceFor(r, mediaType)
		if p.weight > 0 && (most == "" || p.over(best)) {
			most, best = mediaType, p
		}
	}
	return most
}

// takesAny reports whether a client wants all media types alike, as most clients that are no browsers do.
func takesAny(accept []string) bool {
	return len(accept) == 0 || len(accept) == 1 && (accept[0] == "" || accept[0] == "*/*")
}

// encodingFor is the encoding of an answer that the client wants, or "" when it takes none. Problems are JSON, so who takes
// them alone takes that: they are all that the contract has of a route that answers without a body, and so all that
// clients made from it ask there for.
func encodingFor(r *http.Request) string {
	if accept := r.Header["Accept"]; len(accept) == 1 && accept[0] == jsonType {
		return jsonType
	}
	mediaType := preferred(r, jsonType, msgpackType)
	if mediaType == "" && preferred(r, problemType) != "" {
		return jsonType
	}
	return mediaType
}

// preferenceFor reads Accept as RFC 9110 has it: of the ranges that match, the most exact one decides. Ranges that
// cannot be read are passed over.
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
