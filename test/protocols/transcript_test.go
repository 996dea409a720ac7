package protocols

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// text returns a plain text message.
func text(s string) models.NewMessage { return models.NewMessage{Text: s} }

// expectNoFurtherEvent ends a transcript: it creates a public room, and expects that event to be the next one of every
// participant. That shows that nobody received an event that the transcript does not list.
func expectNoFurtherEvent(t *testing.T, creator *harness.Participant, all ...*harness.Participant) {
	t.Helper()
	creator.CreateRoom(models.NewRoom{Name: harness.Ptr(fmt.Sprint("the end of ", t.Name()))}, all...)
}
