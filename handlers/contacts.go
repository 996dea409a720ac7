package handlers

import (
	"context"
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type contactStore interface {
	logHead
	blockReader
	AddContact(ctx context.Context, callerID int64, user models.UserPath) (models.Contact, models.Cursor, error)
	RemoveContact(ctx context.Context, callerID int64, user models.UserPath) (models.Cursor, error)
	Contacts(ctx context.Context, callerID int64, page models.Paging) (models.Page[models.Contact], error)
}

// contacts are the users whose online status the caller follows.
type contacts struct {
	store    contactStore
	profiles profiles
}

func newContacts(store contactStore, p profiles) contacts { return contacts{store: store, profiles: p} }

// ListContacts lists the caller's contacts.
func (h contacts) ListContacts(w http.ResponseWriter, r *http.Request, params api.ListContactsParams) {
	respondPage(w, r, func() (response, error) {
		page, err := paging(params.Limit, params.Cursor)
		if err != nil {
			return response{}, err
		}
		return snapshot(r, h.store, func() (models.Page[models.Contact], error) {
			list, err := h.store.Contacts(r.Context(), request.Caller(r).UserID, page)
			if err != nil {
				return list, err
			}
			return h.profiles.completeContacts(r.Context(), request.Caller(r).UserID, list)
		})
	})
}

// AddContact puts a user on the caller's list.
func (h contacts) AddContact(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		path, err := parseUser(user, me)
		if err != nil {
			return response{}, err
		}
		contact, at, err := h.store.AddContact(r.Context(), me, path)
		if err == nil {
			err = h.profiles.complete(r.Context(), me, &contact.User)
		}
		return changed(contact, at), err
	})
}

// RemoveContact takes a user off the caller's list.
func (h contacts) RemoveContact(w http.ResponseWriter, r *http.Request, user api.PathUser) {
	respond(w, r, func() (response, error) {
		me := request.Caller(r).UserID
		path, err := parseUser(user, me)
		if err != nil {
			return response{}, err
		}
		at, err := h.store.RemoveContact(r.Context(), me, path)
		return done(at), err
	})
}
