package store

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// The reference splits normalized text by regular expressions, and searches all texts without an index.
const (
	refUnspaced = `[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Khmer}\p{Myanmar}\x{30fc}]`
	refLetter   = `\p{Latin}\p{Greek}\p{Cyrillic}\p{Arabic}\p{Hebrew}\p{Devanagari}\p{Deseret}\p{Adlam}\p{N}`
	refPicture  = `[\p{So}→€\x{1f3fb}-\x{1f3ff}]`
)

var (
	refLoose   = regexp.MustCompile(`\x{200b}(\p{M})`)
	refMarks   = regexp.MustCompile(`^\p{M}+`) // of no letter
	refKeycaps = regexp.MustCompile(`[0-9#*]\x{20e3}`)
	refTerms   = regexp.MustCompile(`(` + refUnspaced + `(?:\p{M}|\x{200b}?` + refUnspaced + `)*)` +
		`|([` + refLetter + `][` + refLetter + `\p{M}]*[+#%]*)` +
		`|([\x{1f1e6}-\x{1f1ff}]{1,2}|` + refPicture + `(?:[\x{1f3fb}-\x{1f3ff}\x{e0020}-\x{e007f}]|\x{200d}` + refPicture +
		`)*)`)
	refJoint = regexp.MustCompile(`^[-._/:@'’"׳״&\\·‐]?$`)
	refComma = regexp.MustCompile(`\d,\d`)
)

type refTerm struct {
	kind   int // 1 a run, 2 a word, 3 a symbol
	text   string
	sign   string
	joined bool
}

func refCut(text string) (cut []refTerm) {
	normalized := refLoose.ReplaceAllString(wordindex.Normalize(text), " $1")
	type place struct{ kind, from, to int }
	var places []place
	segment := func(from, to int) {
		for _, m := range refTerms.FindAllStringSubmatchIndex(normalized[from:to], -1) {
			m[0] += len(refMarks.FindString(normalized[from+m[0] : from+m[1]]))
			if strings.Trim(normalized[from+m[0]:from+m[1]], "+#%") == "" {
				continue
			}
			kind := 1 + slices.IndexFunc([]int{m[2], m[4], m[6]}, func(at int) bool { return at >= 0 })
			places = append(places, place{kind, from + m[0], from + m[1]})
		}
	}
	at := 0
	for _, m := range refKeycaps.FindAllStringIndex(normalized, -1) {
		segment(at, m[0])
		places = append(places, place{3, m[0], m[1]})
		at = m[1]
	}
	segment(at, len(normalized))
	for i, p := range places {
		t := refTerm{kind: p.kind, text: normalized[p.from:p.to]}
		if t.kind == 1 {
			t.text = strings.ReplaceAll(t.text, "\u200b", "")
		}
		end := 0
		if i > 0 {
			end = places[i-1].to
			between := normalized[end:p.from]
			t.joined = p.kind == 2 && places[i-1].kind == 2 && utf8.RuneCountInString(between) <= 1 &&
				(refJoint.MatchString(between) || between == "," && refComma.MatchString(normalized[end-1:p.from+1]))
		}
		if p.kind != 3 && p.from > 0 && strings.IndexByte("@#$", normalized[p.from-1]) >= 0 && (i == 0 || end < p.from-1) {
			t.sign = normalized[p.from-1 : p.from]
		}
		cut = append(cut, t)
	}
	return cut
}

// refFinds reports whether a search for a query finds a text. Both are cut.
func refFinds(has, wants []refTerm) bool {
	for i := 0; i < len(wants); {
		n := 1
		for i+n < len(wants) && wants[i+n].joined {
			n++
		}
		if !refHas(has, wants[i:i+n]) {
			return false
		}
		i += n
	}
	return len(wants) > 0
}

func refHas(has, phrase []refTerm) bool {
	for i := range has {
		all := i+len(phrase) <= len(has)
		for j := 0; all && j < len(phrase); j++ {
			h, p := has[i+j], phrase[j]
			all = h.kind == p.kind && (p.sign == "" || p.sign == h.sign)
			switch {
			case p.kind == 1 && p.sign == "":
				all = all && strings.Contains(h.text, p.text)
			case j == len(phrase)-1:
				all = all && strings.HasPrefix(h.text, p.text)
			default:
				all = all && h.text == p.text
			}
		}
		if all {
			return true
		}
	}
	return false
}

// wordLetters are a few letters of many scripts, so that random words often match, and separators.
var wordLetters = [][]string{
	strings.Split("abAB1 ", ""), strings.Split("ab+#@$%c ", ""), strings.Split("12.,-'a1 ", ""),
	strings.Split("łŁlødđıIi ", ""), strings.Split("éÉeßs \u0301", ""), strings.Split("яЯёЁґг ", ""),
	strings.Split("σςΣά ", ""),
	strings.Split("اأبَّ٣ی ", ""), strings.Split("אבּםמ ", ""), strings.Split("四点茶四点、", ""), strings.Split("かがカーｶﾞ ", ""),
	strings.Split("กินข้าข่", ""), strings.Split("ខ្ម\u200bែរ", ""), strings.Split("မြန်မ့", ""), strings.Split("한국각학교 ",
		""),
	strings.Split("कखि्ा\u200d ", ""), strings.Split("a_\"\\&|!()*:~^/ ", ""), strings.Split("ﬁ½㎏ⅳ ", ""),
	strings.Split("☕🎉\ufe0f\u200d\u200b\u00ad👍🏽🏿 a", ""), {"🇩", "🇪", "🇫", "1", "2", "1\u20e3", "2\ufe0f\u20e3",
		"#\ufe0f\u20e3", "#", "\ufe0f", "→", "€"},
	strings.Split("\U00010400\U00010428𝐚𠮷\U0001E943 ", ""), strings.Split("\n\t\u3000\u00a0,.x", ""),
}

func randomWords(r *rand.Rand, longest int) string {
	letters := slices.Concat(wordLetters[r.IntN(len(wordLetters))], wordLetters[r.IntN(len(wordLetters))])
	var b strings.Builder
	for range 1 + r.IntN(longest) {
		b.WriteString(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// TestWordSearchMatchesReference compares the searches of both databases with the reference, for texts that are indexed
// when they are sent, texts that were indexed by the previous rules, and reindexed texts.
func TestWordSearchMatchesReference(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, seed))
		h := openTestStore(t, name)
		defer h.close()
		anna := h.user("anna")
		room := h.room("talk", models.RoomPublic, anna)
		var texts []string
		var cutTexts [][]refTerm
		for range 250 {
			texts = append(texts, randomWords(r, 24))
			cutTexts = append(cutTexts, refCut(texts[len(texts)-1]))
			h.say(room.ID, anna, texts[len(texts)-1])
		}
		h.stopJanitor()
		queries := make([]string, 300)
		for i := range queries {
			queries[i] = randomWords(r, 4)
			if runes := []rune(texts[r.IntN(len(texts))]); i%2 == 0 {
				from := r.IntN(len(runes))
				queries[i] = string(runes[from : from+1+r.IntN(min(6, len(runes)-from))])
			}
		}
		check := func(when string) {
			for _, q := range queries {
				var want []string
				cutQuery := refCut(q)
				for i, text := range slices.Backward(texts) {
					if refFinds(cutTexts[i], cutQuery) {
						want = append(want, text)
					}
				}
				if got := h.found(anna, room.ID, q); !slices.Equal(got, want) {
					only := func(these, others []string) []string {
						return slices.DeleteFunc(slices.Clone(these), func(s string) bool { return slices.Contains(others, s) })
					}
					t.Fatalf("%s, %+q (%s) finds %d: too much %+q, too little %+q", when, q, q, len(got), only(got, want), only(want,
						got))
				}
			}
		}
		check("as sent")
		h.indexByOldRules()
		h.reindex(t, 1<<30)
		check("indexed anew")
	})
}

// found returns the texts in a room that match the words, read in pages of 50.
func (h *testStore) found(caller models.User, roomID int64, words string) (texts []string) {
	h.t.Helper()
	q := models.MessageSearch{Words: &words, Paging: models.Paging{Limit: 50}}
	for {
		page, err := h.SearchMessages(h.t.Context(), caller.ID, models.RoomPath{ID: roomID}, q)
		h.must(err)
		for _, m := range page.Items {
			texts = append(texts, m.Text)
		}
		if q.Cursor = page.NextCursor; q.Cursor == "" {
			return texts
		}
	}
}
