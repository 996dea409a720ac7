package fuzz

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// configuration is the name of the configuration file. Schemathesis reads the files that it names beside it.
const configuration = "schemathesis.toml"

// password is that of the account that makes the requests. The examples of the contract have another.
const password = "a password of the fuzz run"

// fill stores what the requests are to find, and writes its ids into the folder. It returns the account that makes the
// requests. Half of what it stores is another user's, which the account cannot delete.
func fill(t *testing.T, c *harness.Client, folder string) *harness.Client {
	t.Helper()
	account, other := c.SignUp("fuzzer", password), c.SignUp("grace", password)
	ids := map[string][]string{"users": {"@fuzzer", "@grace", "1", "2"}}
	add := func(kind string, values ...string) { ids[kind] = append(ids[kind], values...) }
	for i := range 6 {
		owner, member := account, other
		if i%2 == 1 {
			owner, member = other, account
		}
		room := owner.CreateRoom(models.NewRoom{Handle: harness.Ptr(fmt.Sprintf("tea-house-%d", i))})
		member.JoinRoom(room.ID)
		add("rooms", fmt.Sprint(room.ID), "#"+room.Handle)
		for _, author := range []*harness.Client{account, other, account} {
			author.SendText(room.ID, "Tea at four?")
		}
		add("files", account.UploadFile(room.ID, "notes.txt", "text/plain", []byte("green, black, white")).ID,
			other.UploadFile(room.ID, "leaf.png", "image/png", harness.OnePixelPNG()).ID)
		add("uploads", account.CreateTextUpload(room.ID, 20))
		var invite models.Invite
		owner.Call("POST", harness.RoomPath(room.ID)+"/invites", models.NewInvite{}).ExpectStatus(201).Decode(&invite)
		add("invites", invite.Code)
		add("streams", account.OpenStream("").Ready.StreamID)
	}
	for kind, values := range ids {
		write(t, filepath.Join(folder, kind+".txt"), `"`+strings.Join(values, "\"\n\"")+"\"\n")
	}
	return account
}

// writeConfiguration copies the configuration into the folder.
func writeConfiguration(t *testing.T, folder string) {
	t.Helper()
	content, err := os.ReadFile(configuration)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, configuration), string(content))
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
