package protocols

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// text is a message of the plain kind.
func text(s string) models.NewMessage { return models.NewMessage{Text: s} }

// theEnd is told to everybody. Nothing else was, since what was checked last.
func theEnd(t *testing.T, by *harness.Participant, everybody ...*harness.Participant) {
	t.Helper()
	by.CreateRoom(models.NewRoom{Name: harness.Ptr(fmt.Sprint("the end of ", t.Name()))}, everybody...)
}
