package handlers

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

// unbuilt are the routes of the contract that the server does not have yet. The list only shrinks.
type unbuilt struct{}

func (unbuilt) BeginAuth(w http.ResponseWriter, r *http.Request, _ api.PathProvider, _ api.BeginAuthParams) {
	notBuilt(w, r)
}
func (unbuilt) FinishAuth(w http.ResponseWriter, r *http.Request, _ api.PathProvider, _ api.FinishAuthParams) {
	notBuilt(w, r)
}

func notBuilt(w http.ResponseWriter, r *http.Request) { fail(w, r, errNotBuilt()) }

func errNotBuilt() error {
	return models.Errorf(models.CodeNotImplemented, "This server does not have this route yet.")
}
