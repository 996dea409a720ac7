package wordindex

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

// wordLetters are few letters of many scripts, so that words meet, and what stands between.
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

// TestNormalizationIsCanonical normalizes texts that Unicode calls equivalent to the same text.
func TestNormalizationIsCanonical(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, seed))
	for range 20_000 {
		text := randomWords(r, 12)
		want := Normalize(text)
		for _, form := range []norm.Form{norm.NFC, norm.NFD} {
			if got := Normalize(form.String(text)); got != want {
				t.Fatalf("seed %d: %+q is %+q, and %+q in another form", seed, text, want, got)
			}
		}
		if got, same := NormalizeCase(norm.NFD.String(text)), NormalizeCase(norm.NFC.String(text)); got != same {
			t.Fatalf("seed %d: the start of %+q is %+q, and %+q in another form", seed, text, got, same)
		}
	}
}

// TestDigitsOfAllScripts reads each decimal digit that Unicode has as one.
func TestDigitsOfAllScripts(t *testing.T) {
	t.Parallel()
	for _, ten := range []string{"0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹", "०१२३४५६७८९", "๐๑๒๓๔๕๖๗๘๙", "០១២៣៤៥៦៧៨៩",
		"၀၁၂၃၄၅၆၇၈၉", "０１２３４５６７８９", "𝟘𝟙𝟚𝟛𝟜𝟝𝟞𝟟𝟠𝟡", "𞥐𞥑𞥒𞥓𞥔𞥕𞥖𞥗𞥘𞥙"} {
		if got := Normalize(ten); got != "0123456789" {
			t.Errorf("%s is %q", ten, got)
		}
	}
}
