package harness

import (
	"fmt"
	"strings"

	"github.com/parley-chat/parley/models"
)

// BlockPath returns the path of a block of the client's user.
func BlockPath(c *Client) string { return fmt.Sprintf("/v1/blocks/%d", c.User.ID) }

// ContactPath returns the path of the client's user among contacts.
func ContactPath(c *Client) string { return fmt.Sprintf("/v1/contacts/%d", c.User.ID) }

// PresencePath returns the path of the presence of a stream in a room.
func PresencePath(roomID int64, s *Stream) string {
	return fmt.Sprintf("%s/presence/%s", RoomPath(roomID), s.Ready.StreamID)
}

// DirectPath returns the path of the direct room with the client's user.
func DirectPath(user *Client) string { return fmt.Sprintf("/v1/users/%d/direct", user.User.ID) }

// MemberPath returns the path of the client's user among the members of a room.
func MemberPath(roomID int64, user *Client) string {
	return fmt.Sprintf("%s/members/%d", RoomPath(roomID), user.User.ID)
}

// BanPath returns the path of a ban of the client's user from a room.
func BanPath(roomID int64, user *Client) string {
	return fmt.Sprintf("%s/bans/%d", RoomPath(roomID), user.User.ID)
}

// MessagePath returns the path of a message.
func MessagePath(m models.Message) string {
	return fmt.Sprintf("%s/messages/%d", RoomPath(m.RoomID), m.ID)
}

// RefreshPath is the path at which a session is renewed.
const RefreshPath = "/v1/sessions/refresh"

// RoomPath returns the path of a room.
func RoomPath(id int64) string { return fmt.Sprintf("/v1/rooms/%d", id) }

// HandlePath returns the path of a room by its handle, which may begin with #.
func HandlePath(handle string) string { return "/v1/rooms/%23" + strings.TrimPrefix(handle, "#") }

// IdentitiesPath is the path of the caller's identities at other providers.
const IdentitiesPath = "/v1/users/me/identities"
