package models

import "strconv"

// AppendJSON appends r as encoding/json would write it, with <, > and & as they are: lists of rooms are long.
func (r Room) AppendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"id":`...), r.ID, 10)
	b = appendOptional(b, `,"handle":`, r.Handle)
	b = appendOptional(b, `,"name":`, r.Name)
	b = appendOptional(b, `,"description":`, r.Description)
	b = appendString(append(b, `,"kind":`...), string(r.Kind))
	b = appendOptional(b, `,"subject":`, r.Subject)
	b = appendPositive(b, `,"owner_id":`, r.OwnerID)
	b = r.CreatedAt.appendJSON(append(b, `,"created_at":`...))
	b = r.UpdatedAt.appendJSON(append(b, `,"updated_at":`...))
	b = r.ActiveAt.appendJSON(append(b, `,"active_at":`...))
	b = strconv.AppendInt(append(b, `,"member_count":`...), r.MemberCount, 10)
	b = strconv.AppendInt(append(b, `,"message_count":`...), r.MessageCount, 10)
	b = strconv.AppendInt(append(b, `,"last_message_id":`...), r.LastMessageID, 10)
	if len(r.Users) > 0 {
		b = appendList(append(b, `,"users":`...), r.Users, UserRef.appendJSON)
	}
	if r.Membership != nil {
		b = r.Membership.appendJSON(append(b, `,"membership":`...))
	}
	return append(b, '}')
}

func (m Membership) appendJSON(b []byte) []byte {
	b = appendString(append(b, `{"role":`...), string(m.Role))
	b = m.JoinedAt.appendJSON(append(b, `,"joined_at":`...))
	b = strconv.AppendInt(append(b, `,"last_read_id":`...), m.LastReadID, 10)
	b = strconv.AppendInt(append(b, `,"unread_count":`...), m.UnreadCount, 10)
	b = strconv.AppendBool(append(b, `,"muted":`...), m.Muted)
	return append(b, '}')
}

// AppendJSON appends t as encoding/json would write it, with <, > and & as they are: people type all the time.
func (t Typing) AppendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"room_id":`...), t.RoomID, 10)
	b = t.User.appendJSON(append(b, `,"user":`...))
	b = t.Until.appendJSON(append(b, `,"until":`...))
	return append(b, '}')
}
