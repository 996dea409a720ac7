package wordindex

import (
	"slices"
	"strings"
)

// Query is what a text is searched for: phrases, each of which must be in the text. Most are one word. Phrases of
// several words were written as one, such as 3.14 or anna@example.com, and match where the same words follow each
// other.
type Query struct {
	phrases [][]term
	// Words are those of the index that each text with all of the phrases has.
	Words []queryWord
	// Legacy are those that it has while the index is older than the current rules, nil otherwise.
	Legacy []string
	// Exact says that each text with the words has the phrases.
	Exact bool
}

// queryWord is a word of the index, or a prefix of one.
type queryWord struct {
	Text   string
	Prefix bool
}

// NewQuery parses what a user typed. The last word of each phrase may be the start of a longer one.
func NewQuery(text string) Query {
	q := Query{Exact: true}
	for t := range terms(Normalize(text)) {
		if last := len(q.phrases) - 1; t.joined {
			q.phrases[last] = append(q.phrases[last], t)
			q.Exact = false
		} else {
			q.phrases = append(q.phrases, []term{t})
		}
	}
	for _, phrase := range q.phrases {
		for i, t := range phrase {
			q.add(t, i == len(phrase)-1)
		}
	}
	return q
}

// add adds the words by which a term is found; the last one of a phrase may be the prefix of a longer one.
func (q *Query) add(t term, last bool) {
	if t.sign != 0 {
		q.need(queryWord{t.signed(), last})
	} else if t.kind != kindRun {
		q.need(queryWord{t.text, last})
	}
	if t.kind != kindRun {
		return
	}
	pairs := appendPairs(nil, t.text)
	if len(pairs) == 1 {
		q.need(queryWord{pairs[0], true})
		return
	}
	for _, pair := range pairs[:len(pairs)-1] {
		q.need(queryWord{pair, false})
	}
	q.Exact = q.Exact && len(pairs) == 2 && t.sign == 0
}

// Empty reports whether a text has nothing that can be searched for.
func (q *Query) Empty() bool { return len(q.phrases) == 0 }

func (q *Query) need(w queryWord) {
	if !slices.Contains(q.Words, w) {
		q.Words = append(q.Words, w)
	}
}

// Matches reports whether a text has all of the phrases.
func (q *Query) Matches(text string) bool {
	all := slices.Collect(terms(Normalize(text)))
	for _, phrase := range q.phrases {
		if !hasPhrase(all, phrase) {
			return false
		}
	}
	return true
}

func hasPhrase(all, phrase []term) bool {
	for len(all) >= len(phrase) {
		i := 0
		for i < len(phrase) && all[i].holds(phrase[i], i == len(phrase)-1) {
			i++
		}
		if i == len(phrase) {
			return true
		}
		all = all[1:]
	}
	return false
}

// holds reports whether a term of a text matches one of the query. The last one of a phrase may be a prefix of it, and
// letters of a run match anywhere in it.
func (t term) holds(asked term, last bool) bool {
	switch {
	case t.kind != asked.kind, asked.sign != 0 && asked.sign != t.sign:
		return false
	case t.kind == kindRun && asked.sign == 0:
		return strings.Contains(t.text, asked.text)
	case last:
		return strings.HasPrefix(t.text, asked.text)
	}
	return t.text == asked.text
}
