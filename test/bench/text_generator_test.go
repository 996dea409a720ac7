package bench

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// commonWords are common English words, the most frequent first. A few are in every sentence, most are rare. The cost
// of the index for searches depends on this distribution.
var commonWords = strings.Fields(`
	the to i you and a it of that in is for on we be me have not this with at so but are just do can my your what if no
	they like was there all up know get out one good how will when about from he she or as see now time think here go yes
	thanks need today okay right back then some let them an more her him could did by us work where who want really too
	come well look had been call send still make any tomorrow why got over say sure our only maybe home first other down
	week day night again after two next soon meet might before much great off which around last help than into happy nice
	read room house street train phone lunch coffee water paper table window garden morning evening friend sister brother
	doctor ticket office meeting number photo picture message letter box key door light music game song book school test
	bill price offer order parcel bike car bus road bridge river lake beach snow rain cloud wind storm summer winter
	spring holiday birthday party dinner bread cheese apple lemon salt sugar kitchen chair lamp carpet wall roof corner
	market shop green blue yellow orange should would until quite almost never always often later early late sorry please
	hello bye wait hurry leave arrive bring take give show tell ask answer write open close begin finish start stop try
	buy sell pay keep lose find win hope wish feel mean seem same different better best worse easy hard fast slow cheap
	free full empty hot cold warm dry wet clean dirty old new young long short tall small big huge tiny heavy strong weak
	quiet loud bright dark front behind above below under between across along through near far left away together alone
	both each every many few several enough else anyway perhaps probably already yet while because though since during
	without against toward monday tuesday wednesday thursday friday saturday sunday january april july october minute hour
	month year second third half quarter dozen hundred thousand money bank card cash receipt refund discount delivery
	address map station platform airport flight hotel passport luggage taxi driver traffic fuel engine tyre repair garage
	tool hammer nail screw paint brush ladder fence gate lawn flower tree leaf grass forest mountain valley island harbour
	boat sail fish bird dog cat horse cow sheep rabbit mouse snake spider insect weather forecast umbrella jacket shirt
	trousers dress shoe sock hat glove scarf pocket button needle thread mirror curtain pillow blanket towel soap candle
	bottle glass plate bowl spoon fork knife oven fridge kettle recipe butter flour rice pasta potato tomato onion garlic
	pepper carrot bean soup salad sandwich cake biscuit chocolate honey juice beer wine`)

// textGenerator generates texts, the same sequence each time.
type textGenerator struct {
	random *rand.Rand
	rank   *rand.Zipf
}

func newTextGenerator() textGenerator {
	random := rand.New(rand.NewPCG(8, 8))
	return textGenerator{random, rand.NewZipf(random, 1.1, 3, uint64(len(commonWords)-1))}
}

// text returns a text of up to a number of characters, and not much shorter.
func (c textGenerator) text(characters int) string {
	var b strings.Builder
	for {
		word := c.word()
		if b.Len()+1+len(word) > characters {
			return b.String()
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
}

// word returns a common word, or in one of twenty cases a number, so that there are rare words too.
func (c textGenerator) word() string {
	if c.random.IntN(20) == 0 {
		return strconv.Itoa(c.random.IntN(10_000))
	}
	return commonWords[c.rank.Uint64()]
}

// wordsOf returns the words by which a generated text is found: it has no capitals, accents or punctuation.
func wordsOf(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(strings.Fields(text))))
}
