package bench

import (
	"fmt"
	"os"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// BenchmarkParley measures Parley and, in turns with it on the same machine, a bare loop that does the minimum of the
// same work. One iteration is one round of both; the figures are medians of the rounds. It prints a table of all of
// them at the end.
func BenchmarkParley(b *testing.B) {
	var t table
	b.Run("deliver", func(b *testing.B) { benchDeliver(b, &t) })
	b.Run("cores", func(b *testing.B) { benchCores(b, &t) })
	b.Run("latency", func(b *testing.B) { benchLatency(b, &t) })
	b.Run("memory", func(b *testing.B) { benchMemory(b, &t) })
	b.Run("send", func(b *testing.B) { benchSend(b, &t) })
	b.Run("cost", func(b *testing.B) { benchSendCost(b, &t) })
	b.Run("ephemeral", func(b *testing.B) { benchEphemeral(b, &t) })
	b.Run("pages", func(b *testing.B) { benchPages(b, &t) })
	if err := t.print(os.Stdout, machine(b)); err != nil {
		b.Error(err)
	}
}

// chat is a room and its members, made for a benchmark.
type chat struct {
	roomID  int64
	members []*harness.Client
}

// at returns the chat as it is reached at another address, of a server on the same database.
func (c chat) at(url string) chat {
	moved := chat{roomID: c.roomID}
	for _, m := range c.members {
		client := *m
		client.URL = url
		moved.members = append(moved.members, &client)
	}
	return moved
}

// newChat creates a room with a number of guests as members.
func newChat(t testing.TB, url string, guests int) chat {
	t.Helper()
	return newChatOf(t, url, "guest", guests)
}

// newChatOf is newChat with guests whose names begin with prefix.
func newChatOf(t testing.TB, url, prefix string, guests int) chat {
	t.Helper()
	anonymous := harness.NewClient(t, url)
	var c chat
	for i := range guests {
		guest := anonymous.NewGuestNamed(fmt.Sprint(prefix, i))
		if i == 0 {
			c.roomID = guest.CreateRoom(models.NewRoom{Name: harness.Ptr("bench")}).ID
		} else {
			guest.JoinRoom(c.roomID)
		}
		c.members = append(c.members, guest)
	}
	return c
}

// newChatIn creates a chat in an empty database, with a server that it stops afterwards.
func newChatIn(t testing.TB, database string, guests int) chat {
	t.Helper()
	return newChatsIn(t, database, 1, guests)[0]
}

// newChatsIn is newChatIn for several chats, each with its own guests.
func newChatsIn(t testing.TB, database string, n, guests int) []chat {
	t.Helper()
	s := harness.StartServer(t, database, "--rate-limit", "off")
	defer s.Stop()
	chats := make([]chat, n)
	for i := range chats {
		chats[i] = newChatOf(t, s.URL, fmt.Sprintf("guest%d-", i), guests)
	}
	return chats
}
