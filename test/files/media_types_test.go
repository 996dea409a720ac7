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

// ebmlElement returns an EBML element (RFC 8794) with an eight-byte length, as recorders write it. A negative size
// means "unknown".
func ebmlElement(id string, size int, data string) string {
	length := binary.BigEndian.AppendUint64(nil, uint64(size)|1<<56)
	if size < 0 {
		length = []byte("\x01\xff\xff\xff\xff\xff\xff\xff")
	}
	return id + string(length) + data
}

// matroskaFile returns a Matroska or WebM file with tracks of these types (1 video, 2 audio, 17 subtitles).
func matroskaFile(doctype string, kinds ...byte) string {
	entries := ""
	for _, kind := range kinds {
		entry := ebmlElement("\xD7", 1, "\x01") + ebmlElement("\x83", 1, string([]byte{kind}))
		entries += ebmlElement("\xAE", len(entry), entry)
	}
	head := ebmlElement("\x42\x82", len(doctype), doctype)
	rest := ebmlElement("\x15\x49\xA9\x66", 4, "\xec\x81\x00\x00") +
		ebmlElement("\x16\x54\xAE\x6B", len(entries), entries) + ebmlElement("\x1F\x43\xB6\x75", -1, "\xe7\x81\x00")
	return ebmlElement("\x1A\x45\xDF\xA3", len(head), head) + ebmlElement("\x18\x53\x80\x67", -1, rest)
}

// mp4Box returns an MP4 box.
func mp4Box(kind, data string) string {
	return string(binary.BigEndian.AppendUint32(nil, uint32(8+len(data)))) + kind + data
}

// mp4File returns a file of the MP4 family. The box that describes its tracks follows the media data.
func mp4File(brand string, handlers ...string) string {
	moov := mp4Box("mvhd", strings.Repeat("\x00", 100))
	for _, handler := range handlers {
		moov += mp4Box("trak", mp4Box("tkhd", strings.Repeat("\x00", 84))+mp4Box("mdia",
			mp4Box("mdhd", strings.Repeat("\x00", 24))+
				mp4Box("hdlr", strings.Repeat("\x00", 8)+handler+strings.Repeat("\x00", 13))))
	}
	return mp4Box("ftyp", brand+"\x00\x00\x02\x00"+brand+"mp41") + mp4Box("mdat", strings.Repeat("\x00", 300_000)) +
		mp4Box("moov", moov)
}

// oggFile returns the start of an Ogg file. Each stream begins with the given bytes.
func oggFile(streams ...string) string {
	all := ""
	for _, s := range streams {
		all += "OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01" + string([]byte{byte(len(s))}) + s
	}
	return all + "OggS\x00\x00" + strings.Repeat("\x00", 20) + "\x01\x04data"
}

func encodeUTF16(s string, order binary.AppendByteOrder) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune("\ufeff" + s)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

// mediaTypeCases are less common picture, audio and video formats.
func mediaTypeCases() []typeCase {
	const (
		svg, tiff = "image/svg+xml", "\x00\x10\x00\x00\x00\x00\x01\x02\x03\xfe\xff\x00"
		prefixed  = `<s:svg xmlns:s="http://www.w3.org/2000/svg"><s:g/></s:svg>`
		entities  = `<!DOCTYPE svg [<!ENTITY ns "http://www.w3.org/2000/svg">]><svg xmlns="&ns;"/>`
		source    = "export const answer = 42\n"
		vorbis    = "\x01vorbis\x00"
	)
	transport := strings.Repeat("G\x40\x00\x10"+strings.Repeat("\xff", 184), 30)
	return []typeCase{
		{"an SVG after a comment", "<!-- by hand -->\n" + svgDrawing, svg, svg, "attachment"},
		{"an SVG after a long comment", "<!-- " + strings.Repeat("x", 9000) + " -->" + svgDrawing, svg, svg, "attachment"},
		{"an SVG after a doctype without a prolog", svgDoctype + svgDrawing, svg, svg, "attachment"},
		{"an SVG after a byte order mark", "\ufeff" + svgDrawing, svg, svg, "attachment"},
		{"an SVG with a namespace prefix", prefixed, svg, svg, "attachment"},
		{"an SVG with entities", entities, svg, svg, "attachment"},
		{"an SVG in UTF-16LE", encodeUTF16(svgDrawing, binary.LittleEndian), svg, svg, "attachment"},
		{"an SVG in UTF-16BE", encodeUTF16(xmlProlog+svgDrawing, binary.BigEndian), svg, svg, "attachment"},
		{"HTML after a comment", "<!-- <svg> -->" + htmlPage, svg, "text/html", "attachment"},
		{"an MPEG transport stream", transport, "video/mp2t", "video/mp2t", "attachment"},
		{
			"an MPEG transport stream with timestamps", "\x00\x00\x00\x00" + transport, "video/vnd.dlna.mpeg-tts",
			"video/vnd.dlna.mpeg-tts", "attachment",
		},
		{
			"a Canon raw picture (CR2)", "II*\x00\x10\x00\x00\x00CR\x02\x00" + tiff, "image/x-canon-cr2", "image/x-canon-cr2",
			"attachment",
		},
		{
			"a Canon raw picture (CR3)", mp4File("crx ", "vide", "vide"), "image/x-canon-cr3", "image/x-canon-cr3", "attachment",
		},
		{"a Nikon raw picture", "MM\x00*\x00\x00\x00\x08" + tiff, "image/x-nikon-nef", "image/x-nikon-nef", "attachment"},
		{"a Sony raw picture", "II*\x00\x08\x00\x00\x00" + tiff, "image/x-sony-arw", "image/x-sony-arw", "attachment"},
		{"an Adobe raw picture", "II*\x00\x08\x00\x00\x00" + tiff, "image/x-adobe-dng", "image/x-adobe-dng", "attachment"},
		{"a Fujifilm raw picture", "FUJIFILMCCD-RAW 0201" + tiff, "image/x-fuji-raf", "image/x-fuji-raf", "attachment"},
		{"a DWG drawing", "AC1032\x00\x00\x00\x00" + tiff, "image/vnd.dwg", "image/vnd.dwg", "attachment"},
		{"JPEG XL", "\xff\x0a\x00\x01" + tiff, "image/jxl", "image/jxl", "attachment"},
		{"HEIC", mp4Box("ftyp", "heic\x00\x00\x00\x00mif1heic") + tiff, "image/heic", "image/heic", "attachment"},
		{"AVIF", mp4Box("ftyp", "avif\x00\x00\x00\x00mif1avif") + tiff, "image/avif", "image/avif", "inline"},
		{"bytes declared as an unknown picture type", anyBytes, "image/x-of-one's-own", harness.OctetStream, "attachment"},
		{"bytes declared as a Minolta raw picture", anyBytes, "image/x-minolta-mrw", "image/x-minolta-mrw", "attachment"},
		{"a TrueType font", "\x00\x01\x00\x00\x00\x10\x00\x80" + tiff, "font/ttf", "font/ttf", "attachment"},
		{"TypeScript declared as MPEG-TS", source, "video/mp2t", "text/plain", "attachment"},
		{"TypeScript declared as MPEG-TS with timestamps", source, "video/vnd.dlna.mpeg-tts", "text/plain", "attachment"},
		{"TypeScript declared as MP4", source, "video/mp4", "text/plain", "attachment"},
		{
			"a playlist", "#EXTM3U\nhttp://example.org/a.mp3\n", "audio/x-mpegurl", "application/vnd.apple.mpegurl",
			"attachment",
		},
		{"CSV declared as Excel", csvTable, "application/vnd.ms-excel", "application/vnd.ms-excel", "attachment"},
		{"bytes declared as audio", anyBytes, "audio/mpeg", harness.OctetStream, "attachment"},
		{"WebM audio", matroskaFile("webm", 2), "audio/webm;codecs=opus", "audio/webm", "inline"},
		{"WebM audio without a declared type", matroskaFile("webm", 2), "", "audio/webm", "inline"},
		{"WebM audio declared as video", matroskaFile("webm", 2), "video/webm", "audio/webm", "inline"},
		{"WebM video declared as audio", matroskaFile("webm", 2, 1), "audio/webm", "video/webm", "inline"},
		{"Matroska audio", matroskaFile("matroska", 2, 17), "audio/x-matroska", "audio/matroska", "inline"},
		{"MP4 audio", mp4File("iso5", "soun"), "audio/mp4", "audio/mp4", "inline"},
		{"MP4 audio without a declared type", mp4File("isom", "soun", "text"), harness.OctetStream, "audio/mp4", "inline"},
		{"MP4 video declared as audio", mp4File("mp42", "soun", "vide"), "audio/mp4", "video/mp4", "inline"},
		{"3GP audio", mp4File("3gp4", "soun"), "audio/3gpp", "audio/3gpp", "inline"},
		{"3GP video", mp4File("3gp5", "vide", "soun"), "video/3gpp", "video/3gpp", "inline"},
		{"M4A audio", mp4File("M4A ", "soun"), "audio/x-m4a", "audio/x-m4a", "inline"},
		{"QuickTime audio declared as MP4 audio", mp4File("qt  ", "soun"), "audio/mp4", "audio/mp4", "inline"},
		{"Ogg audio after an Ogg Skeleton stream", oggFile("fishead\x00\x03", vorbis), "audio/ogg", "audio/ogg", "inline"},
		{"Ogg audio declared as video", oggFile("OpusHead\x01"), "video/ogg", "audio/ogg", "inline"},
		{
			"Ogg video declared as audio, audio stream first", oggFile(vorbis, "\x80theora\x03"), "audio/ogg", "video/ogg",
			"inline",
		},
		{"Ogg audio with an unknown codec", oggFile("mine"), "audio/ogg", "audio/ogg", "inline"},
	}
}

// TestImageMessagesNeedDecodablePictures: a message has the type image only when the server could decode its picture.
func TestImageMessagesNeedDecodablePictures(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "message types", Run: func(t *testing.T, c *harness.Client) {
		anna := c.NewGuest("anna")
		room := anna.CreatePrivateRoom()
		whole := encodePicture(t, "image/png", harness.Photo(64, 64))
		corrupt := bytes.Clone(whole)
		for i := range 20 { // in the middle of its rows, where only decoding detects it
			corrupt[len(corrupt)/2+i] ^= 0x55
		}
		for i, p := range []struct {
			content []byte
			want    models.MessageType
		}{
			{whole, models.MessageImage}, {corrupt, models.MessageFile}, {whole[:len(whole)-30], models.MessageFile},
			{[]byte(svgDrawing), models.MessageFile}, {flatPNG(t, 60_000, 60_000, 1), models.MessageFile},
		} {
			m := sendFiles(anna, room.ID, harness.FormPart{Field: "file", Name: "a.png", MediaType: "image/png",
				Content: string(p.content)})
			f := m.Files[0]
			if isPicture := p.want == models.MessageImage; m.Type != p.want || (f.ThumbnailURL != "") != isPicture ||
				(f.Width > 0) != isPicture {
				t.Errorf("%d: got %+v", i, m)
			}
			up := anna.UploadFile(room.ID, "a.png", "image/png", p.content)
			a := anna.Call("POST", harness.RoomPath(room.ID)+"/messages",
				models.NewMessage{Type: models.MessageImage, FileIDs: []string{up.ID}})
			if p.want == models.MessageFile {
				a.ExpectProblem(422, models.CodeBadFile)
			} else {
				a.ExpectStatus(201)
			}
		}
	}}})
}

// TestCaptionsCanBeRemoved: the text of a message with files can be removed, that of a message without files cannot.
func TestCaptionsCanBeRemoved(t *testing.T) {
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
			t.Errorf("the event is %+v", edited)
		}
		anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{}).ExpectStatus(200).ExpectNoEvent()
		found := harness.Get[models.Page[models.Message]](anna, harness.RoomPath(room.ID)+"/messages/search?q=caption")
		if len(found.Items) != 0 {
			t.Errorf("the removed text still finds %+v", found.Items)
		}
		anna.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "a right one"}).ExpectStatus(200)
		anna.CallInvalid("PATCH", harness.MessagePath(m), map[string]any{}).ExpectInvalid("text")
		plain := anna.SendText(room.ID, "no file")
		anna.Call("PATCH", harness.MessagePath(plain), models.MessageEdit{}).ExpectInvalid("text")
	})
}
