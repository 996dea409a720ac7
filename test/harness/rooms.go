package harness

import (
	"fmt"

	"github.com/parley-chat/parley/models"
)

// CreatePublicRoom creates a public room, which the others join.
func (c *Client) CreatePublicRoom(others ...*Client) models.Room {
	c.T.Helper()
	room := c.CreateRoom(models.NewRoom{Handle: Ptr(UniqueName("room"))})
	for _, o := range others {
		o.JoinRoom(room.ID)
	}
	return c.GetRoom(room.ID)
}

// CreatePrivateRoom creates a private room and adds the others to it.
func (c *Client) CreatePrivateRoom(others ...*Client) models.Room {
	c.T.Helper()
	room := c.CreateRoom(models.NewRoom{Name: Ptr("private"), Kind: Ptr(models.RoomPrivate)})
	for _, o := range others {
		c.AddMember(room.ID, o, models.RoleMember)
	}
	return c.GetRoom(room.ID)
}

// AddMember makes another user a member with the role, or changes the role of a member.
func (c *Client) AddMember(roomID int64, other *Client, role models.Role) {
	c.T.Helper()
	c.Call("PUT", MemberPath(roomID, other), models.RoleChange{Role: role}).ExpectStatus(200)
}

// GetRoom reads a room.
func (c *Client) GetRoom(roomID int64) models.Room {
	c.T.Helper()
	return Get[models.Room](c, RoomPath(roomID))
}

// CreateRoom creates a room.
func (c *Client) CreateRoom(n models.NewRoom) models.Room {
	c.T.Helper()
	var room models.Room
	c.Call("POST", "/v1/rooms", n).ExpectStatus(201).Decode(&room)
	return room
}

// SendText sends a text to a room and returns the message.
func (c *Client) SendText(roomID int64, text string, headers ...string) models.Message {
	c.T.Helper()
	var m models.Message
	c.Call("POST", RoomPath(roomID)+"/messages", models.NewMessage{Text: text}, headers...).ExpectStatus(201).Decode(&m)
	return m
}

// JoinRoom makes the client a member of a public room.
func (c *Client) JoinRoom(roomID int64) {
	c.T.Helper()
	c.Call("PUT", RoomPath(roomID)+"/members/me", nil).ExpectStatus(200)
}

// AllMessages returns all messages of a room, the oldest first. It reads them page by page.
func (c *Client) AllMessages(roomID int64) []models.Message {
	c.T.Helper()
	var all []models.Message
	cursor := ""
	for {
		var page models.Page[models.Message]
		path := RoomPath(roomID) + "/messages?since=2020-01-01T00:00:00Z&limit=200"
		if cursor != "" {
			path += "&cursor=" + cursor
		}
		c.Call("GET", path, nil).ExpectStatus(200).Decode(&page)
		all = append(all, page.Items...)
		if cursor = page.NextCursor; cursor == "" {
			return all
		}
	}
}

// OpenDirectRoom returns the direct room with another user.
func (c *Client) OpenDirectRoom(other *Client) (room models.Room) {
	c.T.Helper()
	c.Call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).ExpectStatus(200).Decode(&room)
	return room
}
