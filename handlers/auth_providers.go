package handlers

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
)

// authProviders are the social networks to log in through. No setting names one yet, so that there are none.
type authProviders struct{}

// ListAuthProviders lists the providers that the server is set up with.
func (authProviders) ListAuthProviders(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		return reply{status: http.StatusOK, body: api.AuthProviderList{Items: []api.AuthProvider{}}}, nil
	})
}
