package files

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// element is one of EBML, with a length of eight bytes as recorders write it; a negative size is one that is not known.
func element(id string, size int, data string) string {
	length := binary.BigEndian.AppendUint64(nil, uint64(size)|1<<56)
	if size < 0 {
		length = []byte("\x01\xff\xff\xff\xff\xff\xff\xff")
	}
	return id + string(length) + data
}

// matroskaOf is a file of Matroska or WebM with tracks of these kinds.
func matroskaOf(doctype string, kinds ...byte) string {
	entries := ""
	for _, kind := range kinds {
		entry := element("\xD7", 1, "\x01") + element("\x83", 1, string([]byte{kind}))
		entries += element("\xAE", len(entry), entry)
	}
	head := element("\x42\x82", len(doctype), doctype)
	rest := element("\x15\x49\xA9\x66", 4, "\xec\x81\x00\x00") + element("\x16\x54\xAE\x6B", len(entries), entries) + element("\x1F\x43\xB6\x75", -1, "\xe7\x81\x00")
	return element("\x1A\x45\xDF\xA3", len(head), head) + element("\x18\x53\x80\x67", -1, rest)
}

// box is one of MP4.
func box(kind, data string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(data)))) + kind + data
}

// mp4Of is a file of the family of MP4 whose tracks, with these handlers, are told of behind its bytes.
func mp4Of(brand string, handlers ...string) string {
	moov := box("mvhd", strings.Repeat("\x00", 100))
	for _, handler := range handlers {
		moov += box("trak", box("tkhd", strings.Repeat("\x00", 84))+box("mdia", box("mdhd", strings.Repeat("\x00", 24))+
			box("hdlr", strings.Repeat("\x00", 8)+handler+strings.Repeat("\x00", 13))))
	}
	return box("ftyp", brand+"\x00\x00\x02\x00"+brand+"mp41") + box("mdat", strings.Repeat("\x00", 300_000)) + box("moov", moov)
}

// oggOf is the beginning of an Ogg file with streams that begin so.
func oggOf(streams ...string) string {
	all := ""
	for _, s := range streams {
		all += "OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01" + string([]byte{byte(len(s))}) + s
	}
	return all + "OggS\x00\x00" + strings.Repeat("\x00", 20) + "\x01\x04data"
}

func inUTF16(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + s)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// typedMedia are pictures, sounds and films that few know, and what browsers take for them.
func typedMedia() []typed {
	const (
		svg, tiff = "image/svg+xml", "\x00\x10\x00\x00\x00\x00\x01\x02\x03\xfe\xff\x00"
		prefixed  = `<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:g/></s:svg>`
		entities  = `<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]><svg xmlns="&ns;"/>`
		source    = "export const answer = 42\n"
		vorbis    = "\x01vorbis\x00"
	)
	transport := strings.Repeat("G\x40\x00\x10"+strings.Repeat("\xff", 184), 30)
	return []typed{
		{"a drawing behind a comment", "<!-- by hand -->\n" + drawing, svg, svg, "attachment"},
		{"a drawing behind a long comment", "<!-- " + strings.Repeat("x", 9000) + " -->" + drawing, svg, svg, "attachment"},
		{"a drawing behind a doctype alone", doctype + drawing, svg, svg, "attachment"},
		{"a drawing behind a mark of the byte order", "\ufeff" + drawing, svg, svg, "attachment"},
		{"a drawing with a prefix", prefixed, svg, svg, "attachment"},
		{"a drawing with entities", entities, svg, svg, "attachment"},
		{"a drawing in UTF-16", inUTF16(drawing, binary.LittleEndian), svg, svg, "attachment"},
		{"a drawing in UTF-16, the other way", inUTF16(prolog+drawing, binary.BigEndian), svg, svg, "attachment"},
		{"a page behind a comment", "<!-- <svg> -->" + page, svg, "text/html", "attachment"},
		{"a transport stream", transport, "video/mp2t", "video/mp2t", "attachment"},
		{"a transport stream of a camera", "\x00\x00\x00\x00" + transport, "video/vnd.dlna.mpeg-tts", "video/vnd.dlna.mpeg-tts", "attachment"},
		{"raw pictures of Canon", "II*\x00\x10\x00\x00\x00CR\x02\x00" + tiff, "image/x-canon-cr2", "image/x-canon-cr2", "attachment"},
		{"newer ones", mp4Of("crx ", "vide", "vide"), "image/x-canon-cr3", "image/x-canon-cr3", "attachment"},
		{"of Nikon", "MM\x00*\x00\x00\x00\x08" + tiff, "image/x-nikon-nef", "image/x-nikon-nef", "attachment"},
		{"of Sony", "II*\x00\x08\x00\x00\x00" + tiff, "image/x-sony-arw", "image/x-sony-arw", "attachment"},
		{"of Adobe", "II*\x00\x08\x00\x00\x00" + tiff, "image/x-adobe-dng", "image/x-adobe-dng", "attachment"},
		{"of Fujifilm", "FUJIFILMCCD-RAW 0201" + tiff, "image/x-fuji-raf", "image/x-fuji-raf", "attachment"},
		{"a plan", "AC1032\x00\x00\x00\x00" + tiff, "image/vnd.dwg", "image/vnd.dwg", "attachment"},
		{"a picture of JPEG XL", "\xff\x0a\x00\x01" + tiff, "image/jxl", "image/jxl", "attachment"},
		{"a picture of a telephone", box("ftyp", "heic\x00\x00\x00\x00mif1heic") + tiff, "image/heic", "image/heic", "attachment"},
		{"AVIF", box("ftyp", "avif\x00\x00\x00\x00mif1avif") + tiff, "image/avif", "image/avif", "inline"},
		{"a picture of an unknown kind", anyBytes, "image/x-of-one's-own", harness.OctetStream, "attachment"},
		{"a picture of a kind that nobody looks at", anyBytes, "image/x-minolta-mrw", "image/x-minolta-mrw", "attachment"},
		{"a letterform", "\x00\x01\x00\x00\x00\x10\x00\x80" + tiff, "font/ttf", "font/ttf", "attachment"},
		{"source as a film", source, "video/mp2t", "text/plain", "attachment"},
		{"source as a film of a camera", source, "video/vnd.dlna.mpeg-tts", "text/plain", "attachment"},
		{"source as a film that plays", source, "video/mp4", "text/plain", "attachment"},
		{"a list of sounds", "#EXTM3U\nhttp://example.org/a.mp3\n", "audio/x-mpegurl", "application/vnd.apple.mpegurl", "attachment"},
		{"a table as a workbook", csvTable, "application/vnd.ms-excel", "application/vnd.ms-excel", "attachment"},
		{"bytes as a sound", anyBytes, "audio/mpeg", harness.OctetStream, "attachment"},
		{"a voice in WebM", matroskaOf("webm", 2), "audio/webm;codecs=opus", "audio/webm", "inline"},
		{"a voice in WebM, of which nothing is said", matroskaOf("webm", 2), "", "audio/webm", "inline"},
		{"a voice in WebM as a film", matroskaOf("webm", 2), "video/webm", "audio/webm", "inline"},
		{"a film in WebM as a voice", matroskaOf("webm", 2, 1), "audio/webm", "video/webm", "inline"},
		{"a voice in Matroska", matroskaOf("matroska", 2, 17), "audio/x-matroska", "audio/matroska", "inline"},
		{"a voice in MP4", mp4Of("iso5", "soun"), "audio/mp4", "audio/mp4", "inline"},
		{"a voice in MP4, of which nothing is said", mp4Of("isom", "soun", "text"), harness.OctetStream, "audio/mp4", "inline"},
		{"a film in MP4 as a voice", mp4Of("mp42", "soun", "vide"), "audio/mp4", "video/mp4", "inline"},
		{"a voice of a telephone", mp4Of("3gp4", "soun"), "audio/3gpp", "audio/3gpp", "inline"},
		{"a film of a telephone", mp4Of("3gp5", "vide", "soun"), "video/3gpp", "video/3gpp", "inline"},
		{"a song", mp4Of("M4A ", "soun"), "audio/x-m4a", "audio/x-m4a", "inline"},
		{"a voice in QuickTime", mp4Of("qt  ", "soun"), "audio/mp4", "audio/mp4", "inline"},
		{"a voice behind a skeleton of Ogg", oggOf("fishead\x00\x03", vorbis), "audio/ogg", "audio/ogg", "inline"},
		{"a voice in Ogg as a film", oggOf("OpusHead\x01"), "video/ogg", "audio/ogg", "inline"},
		{"a film in Ogg, whose sound comes first", oggOf(vorbis, "\x80theora\x03"), "audio/ogg", "video/ogg", "inline"},
		{"a voice in Ogg, of a codec of one's own", oggOf("mine"), "audio/ogg", "audio/ogg", "inline"},
	}
}

// TestMessagesWithMedia has pictures be pictures: those that the server has read through.
func TestMessagesWithMedia(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "types", Play: func(t *testing.T, c *harness.Client) {
		anna := c.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		whole := pictureAs(t, "image/png", harness.Photo(64, 64))
		spoilt := bytes.Clone(whole)
		for i := range 20 { // in the middle of its rows, where only decoding finds it
			spoilt[len(spoilt)/2+i] ^= 0x55
		}
		for i, p := range []struct {
			content []byte
			want    models.MessageType
		}{
			{whole, models.MessageImage}, {spoilt, models.MessageFile}, {whole[:len(whole)-30], models.MessageFile},
			{[]byte(drawing), models.MessageFile}, {flatPNG(t, 60_000, 60_000, 1), models.MessageFile},
		} {
			m := sendFiles(anna, room.ID, harness.FormPart{Field: "file", Name: "a.png", MediaType: "image/png", Content: string(p.content)})
			f := m.Files[0]
			if isPicture := p.want == models.MessageImage; m.Type != p.want || (f.ThumbnailURL != "") != isPicture || (f.Width > 0) != isPicture {
				t.Errorf("%d: got %+v", i, m)
			}
			up := anna.UploadFile(room.ID, "a.png", "image/png", p.content)
			a := anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Type: models.MessageImage, FileIDs: []string{up.ID}})
			if p.want == models.MessageFile {
				a.ExpectProblem(422, models.CodeBadFile)
			} else {
				a.ExpectStatus(201)
			}
		}
	}}})
}

// TestCaptions takes the text off messages that have files, and off none that has nothing else.
func TestCaptions(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuest("anna")
		room := anna.CreatePrivateRoom()
		f := anna.UploadFile(room.ID, "a.txt", "text/plain", []byte("abc"))
		var m, edited models.Message
		n := models.NewMessage{Text: "a wrong caption", FileIDs: []string{f.ID}}
		anna.Call("POST", harness.RoomPath(room.ID)+"/messages", n).ExpectStatus(201).Decode(&m)
		s := anna.OpenStream("")
		anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{}).ExpectStatus(200)
		s.Expect(models.EventMessageEdited, &edited)
		if edited.Text != "" || len(edited.Files) != 1 || edited.EditedAt.IsZero() {
			t.Errorf("told %+v", edited)
		}
		anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{}).ExpectStatus(200).ExpectNoEvent()
		found := harness.Get[models.Page[models.Message]](anna, harness.RoomPath(room.ID)+"/messages/search?q=caption")
		if len(found.Items) != 0 {
			t.Errorf("found %+v by what is gone", found.Items)
		}
		anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "a right one"}).ExpectStatus(200)
		anna.CallInvalid("PATCH", harness.MessagePath(m), map[string]any{}).ExpectInvalid("text")
		plain := anna.SendText(room.ID, "no file")
		anna.Call("PATCH", harness.MessagePath(plain), models.MessageEdit{}).ExpectInvalid("text")
	})
}
