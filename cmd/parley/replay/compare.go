package replay

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/parley-chat/parley/cmd/parley/remote"
	"github.com/parley-chat/parley/models"
)

// compare reads a room back and compares it with its timeline.
func (r *room) compare(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		r.compareCounts, r.compareHistory, r.compareNewest, r.compareMembers,
	} {
		if err := part(ctx); err != nil {
			return fmt.Errorf("%s: %w", r.log.name, err)
		}
	}
	r.run.counts.compared.Add(1)
	return nil
}

// get requests a path of the room as the logger.
func (r *room) get(ctx context.Context, path string, into any) error {
	_, err := r.run.logger.Do(ctx, remote.Call{Method: http.MethodGet, Path: r.path(path), Into: into})
	return err
}

func (r *room) differ(format string, args ...any) {
	r.run.report.differ("%s (room %d): %s", r.log.title(), r.id, fmt.Sprintf(format, args...))
}

// compareCounts compares the room's counts. The logger never marks messages as read or sends any, so all are unread to
// it.
func (r *room) compareCounts(ctx context.Context) error {
	var room models.Room
	if err := r.get(ctx, "", &room); err != nil {
		return err
	}
	unread := int64(-1)
	if room.Membership != nil {
		unread = room.Membership.UnreadCount
	}
	for _, c := range []struct {
		field     string
		got, want int64
	}{
		{"message_count", room.MessageCount, r.timeline.messages},
		{"last_message_id", room.LastMessageID, r.timeline.messages},
		{"member_count", room.MemberCount, int64(len(r.members()))},
		{"the logger's unread_count", unread, r.timeline.messages},
	} {
		if c.got != c.want {
			r.differ("%s is %d, want %d", c.field, c.got, c.want)
		}
	}
	return nil
}

// sent returns the messages of the room in order.
func (r *room) sent() []replayEvent {
	var sent []replayEvent
	for _, e := range r.timeline.events {
		if e.name == models.EventMessageCreated {
			sent = append(sent, e)
		}
	}
	return sent
}

// compareHistory reads the whole history from its start: the first message, then the pages after it.
func (r *room) compareHistory(ctx context.Context) error {
	sent := r.sent()
	if len(sent) == 0 {
		return nil
	}
	var first models.Message
	if err := r.get(ctx, "/messages/1", &first); err != nil {
		return err
	}
	r.compareMessages("message 1", []models.Message{first}, sent[:1])
	rest, err := r.readPages(ctx, url.Values{"after": {"1"}}, len(sent))
	if err != nil {
		return err
	}
	r.compareMessages("the history after 1", rest, sent[1:])
	return nil
}

// compareNewest reads the newest page and the one before it.
func (r *room) compareNewest(ctx context.Context) error {
	sent := r.sent()
	size := max(1, min(models.MaxPageSize, len(sent)/2))
	query := url.Values{"limit": {strconv.Itoa(size)}}
	end := len(sent)
	for range 2 {
		var page models.Page[models.Message]
		if err := r.get(ctx, "/messages?"+query.Encode(), &page); err != nil {
			return err
		}
		start := max(0, end-size)
		r.compareMessages(fmt.Sprintf("the page of %d that ends with %d", size, end), page.Items, sent[start:end])
		if (page.NextCursor != "") != (start > 0) {
			r.differ("the page from %d on has the next_cursor %q", start+1, page.NextCursor)
		}
		if page.NextCursor == "" {
			return nil
		}
		query.Set("cursor", page.NextCursor)
		end = start
	}
	return nil
}

// readPages reads a list of messages to its end, or until it is longer than it should be.
func (r *room) readPages(ctx context.Context, query url.Values, most int) ([]models.Message, error) {
	var all []models.Message
	query.Set("limit", strconv.Itoa(models.MaxPageSize))
	for len(all) <= most {
		var page models.Page[models.Message]
		if err := r.get(ctx, "/messages?"+query.Encode(), &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	return all, nil
}

func (r *room) compareMessages(what string, got []models.Message, want []replayEvent) {
	if len(got) != len(want) {
		r.differ("%s has %d messages, want %d", what, len(got), len(want))
	}
	for i, m := range got[:min(len(got), len(want))] {
		e := want[i]
		if problem := e.matches(m); problem != "" {
			r.differ("in %s: %v %s", what, e, problem)
		} else if m.RoomID != r.id {
			r.differ("in %s: %v has the room_id %d", what, e, m.RoomID)
		}
	}
}

// members returns the users who must be members at the end.
func (r *room) members() map[int64]models.UserRef {
	members := map[int64]models.UserRef{r.run.logger.Ref.ID: r.run.logger.Ref}
	for _, e := range r.timeline.events {
		switch e.name {
		case models.EventMemberJoined:
			members[e.user.ID] = *e.user
		case models.EventMemberLeft:
			delete(members, e.user.ID)
		}
	}
	return members
}

func (r *room) compareMembers(ctx context.Context) error {
	missing := r.members()
	most := len(missing)
	query := url.Values{"limit": {strconv.Itoa(models.MaxPageSize)}}
	for read := 0; read <= most; {
		var page models.Page[models.Member]
		if err := r.get(ctx, "/members?"+query.Encode(), &page); err != nil {
			return err
		}
		for _, m := range page.Items {
			if missing[m.User.ID] != m.User.Ref() {
				r.differ("%+v is listed as a member wrongly or twice", m.User.Ref())
			}
			delete(missing, m.User.ID)
		}
		read += max(1, len(page.Items))
		if page.NextCursor == "" {
			break
		}
		query.Set("cursor", page.NextCursor)
	}
	for _, u := range missing {
		r.differ("%s is missing in the list of members", u.Username)
	}
	return nil
}

// compareLog reads the event log as the logger, from before the first room was created, and checks it.
func (run *run) compareLog(ctx context.Context) error {
	checker := newEventChecker("the log", run.report)
	query := url.Values{"limit": {strconv.Itoa(models.MaxPageSize)}}
	entered := map[int64]bool{}
	for i, room := range run.rooms {
		checker.enter(room, 0)
		if i < models.MaxRoomsEnteredAtOpen {
			entered[room.id] = true
		}
	}
	seen := map[string]bool{}
	for after := run.before; !seen[after]; {
		seen[after] = true
		query.Set("after", after)
		var page models.Page[models.Event]
		if _, err := run.logger.Do(ctx, remote.Call{
			Method: http.MethodGet, Path: "/v1/events/log?" + query.Encode(), Into: &page,
		}); err != nil {
			return err
		}
		if len(page.Items) == 0 {
			checker.finish()
			return nil
		}
		for _, e := range page.Items {
			checker.check(e.Name, e.Data, entered)
		}
		after = page.Items[len(page.Items)-1].ID
		run.counts.logEvents.Add(int64(len(page.Items)))
	}
	run.report.differ("paging through the log returned to an earlier cursor")
	return nil
}
