package harness

import (
	"fmt"
	"strings"

	"github.com/parley-chat/parley/models"
)

func BlockPath(c *Client) string { return fmt.Sprintf("/v1/blocks/%d", c.User.ID) }

func ContactPath(c *Client) string { return fmt.Sprintf("/v1/contacts/%d", c.User.ID) }

func PresencePath(roomID int64, s *Stream) string {
	return fmt.Sprintf("%s/presence/%s", RoomPath(roomID), s.Ready.StreamID)
}

func DirectPath(user *Client) string { return fmt.Sprintf("/v1/users/%d/direct", user.User.ID) }

func MemberPath(roomID int64, user *Client) string {
	return fmt.Sprintf("%s/members/%d", RoomPath(roomID), user.User.ID)
}

func BanPath(roomID int64, user *Client) string {
	return fmt.Sprintf("%s/bans/%d", RoomPath(roomID), user.User.ID)
}

func MessagePath(m models.Message) string {
	return fmt.Sprintf("%s/messages/%d", RoomPath(m.RoomID), m.ID)
}

const RefreshPath = "/v1/sessions/refresh"

func RoomPath(id int64) string { return fmt.Sprintf("/v1/rooms/%d", id) }

// HandlePath is a room's handle in a path.
func HandlePath(handle string) string { return "/v1/rooms/%23" + strings.TrimPrefix(handle, "#") }

const IdentitiesPath = "/v1/users/me/identities"
