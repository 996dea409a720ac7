package harness

import (
	"image"
	"strings"

	"github.com/parley-chat/parley/models"
)

// SendFiles sends a message together with its files to the room in one form, and expects it to get the id.
func (p *Participant) SendFiles(room models.Room, id int64, n models.NewMessage, files ...FormPart) SentMessage {
	p.T.Helper()
	parts := []FormPart{{Field: "text", Content: n.Text}}
	if n.Type != "" {
		parts = append(parts, FormPart{Field: "type", Content: string(n.Type)})
	}
	body, mediaType := EncodeForm(p.T, append(parts, files...)...)
	response := p.Call("POST", RoomPath(room.ID)+"/messages/form", body, "Content-Type", mediaType)
	return p.expectSent(response, room, id, n, files...)
}

// ExpectFile expects f to describe the file of the form part, in the room, and returns the expected description.
func (p *Participant) ExpectFile(room models.Room, f models.File, part FormPart) models.File {
	p.T.Helper()
	want := models.File{
		ID: f.ID, RoomID: room.ID, Name: part.Name, MediaType: part.MediaType, Size: int64(len(part.Content)),
		SHA256: DigestOf([]byte(part.Content)), URL: "/v1/files/" + f.ID + "/content", CreatedAt: p.ExpectRecent(f.CreatedAt),
	}
	if picture, _, err := image.DecodeConfig(strings.NewReader(part.Content)); err == nil {
		want.Width, want.Height, want.ThumbnailURL = picture.Width, picture.Height, "/v1/files/"+f.ID+"/thumbnail"
	}
	if f.ID == "" || f != want {
		p.T.Errorf("the file is %+v\nwant %+v", f, want)
	}
	return want
}

// ExpectDownloadable expects that each of the participants can download the message's files.
func (s SentMessage) ExpectDownloadable(by ...*Participant) SentMessage {
	s.T.Helper()
	for _, p := range by {
		for _, f := range s.Files {
			if got := p.Download(f).
				ExpectStatus(200); DigestOf(got.Body) != f.SHA256 ||
				got.Header("Content-Type") != f.MediaType {
				s.T.Errorf("%s got %d bytes of %s: %v", p.User.Username, len(got.Body), f.Name, got.HTTP.Header)
			}
		}
	}
	return s
}

// ExpectHidden expects the message's files not to exist for each of the participants.
func (s SentMessage) ExpectHidden(from ...*Participant) SentMessage {
	s.T.Helper()
	for _, p := range from {
		for _, f := range s.Files {
			p.Download(f).ExpectProblem(404, models.CodeNotFound)
			p.Call("GET", "/v1/files/"+f.ID, nil).ExpectProblem(404, models.CodeNotFound)
		}
	}
	return s
}
