package sse

import (
	"context"
	"errors"

	"github.com/parley-chat/parley/models"
)

// eventOverhead is the approximate size of an event in a page without its data, in bytes.
const eventOverhead = 100

// Page returns the events after a cursor that the caller may see. The page's own cursor is where it ends, which may be
// after its last event. A page has up to limit events with up to models.MaxPageBytes, but always at least one. An empty
// cursor means the oldest event in the log. A cursor that is pruned or unknown is an expired error.
func (h *Hub) Page(ctx context.Context, caller models.Caller, after string, limit int) (models.EventPage, error) {
	var page models.EventPage
	head, pruned, err := h.log.Bounds(ctx)
	if err != nil {
		return page, err
	}
	position := pruned
	if after != "" && after != "0" { // 0 means from the beginning, as for messages
		if position, err = h.resolveCursor(after, head, pruned); err != nil {
			return page, expiredError(err)
		}
	}
	loaded, err := h.log.Visibility(ctx, caller.UserID, position)
	if err != nil {
		return page, err
	}
	v, epoch, items, size := newVisibility(loaded), h.log.Epoch(), []models.Event{}, 0
	pageTo := func(end int64) (models.EventPage, error) {
		page.Items, page.Cursor = items, models.Cursor{Epoch: epoch, Position: end}.String()
		if end < head {
			page.NextCursor = page.Cursor
		}
		return page, nil
	}
	for position < head && len(items) < limit {
		upTo := min(position+replayWindow, head)
		entries, err := h.log.EntriesFor(ctx, caller.UserID, position, upTo, replayMaxEvents)
		if err != nil {
			return page, err
		}
		if position = upTo; len(entries) == replayMaxEvents {
			position = entries[len(entries)-1].Position
		}
		for _, e := range entries {
			if e.Replayable() && v.canSee(e) {
				size += len(e.Data) + eventOverhead
				if size > models.MaxPageBytes && len(items) > 0 {
					return pageTo(e.Position - 1)
				}
				at := models.Cursor{Epoch: epoch, Position: e.Position}
				items = append(items, models.Event{ID: at.String(), Name: e.Name, Data: e.Data})
			}
			v.apply(e)
			if len(items) == limit {
				position = e.Position
				break
			}
		}
	}
	return pageTo(position)
}

func expiredError(err error) error {
	var why cursorError
	if errors.As(err, &why) && models.ResyncReason(why) == models.ResyncExpired {
		return models.Errorf(models.CodeExpired, "The events after this cursor are no longer kept; read again through REST.")
	}
	return models.Errorf(models.CodeExpired, "This cursor does not belong to this database; read again through REST.")
}
