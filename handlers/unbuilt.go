package handlers

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

// unbuilt are the routes of the contract that the server does not have yet. The list only shrinks.
type unbuilt struct{}

func (unbuilt) ListAuthProviders(w http.ResponseWriter, r *http.Request) { notBuilt(w, r) }
func (unbuilt) BeginAuth(w http.ResponseWriter, r *http.Request, _ api.PathProvider, _ api.BeginAuthParams) {
	notBuilt(w, r)
}
func (unbuilt) FinishAuth(w http.ResponseWriter, r *http.Request, _ api.PathProvider, _ api.FinishAuthParams) {
	notBuilt(w, r)
}
func (unbuilt) GetFile(w http.ResponseWriter, r *http.Request, _ api.PathFile) { notBuilt(w, r) }
func (unbuilt) GetFileContent(w http.ResponseWriter, r *http.Request, _ api.PathFile, _ api.GetFileContentParams) {
	notBuilt(w, r)
}
func (unbuilt) HeadFileContent(w http.ResponseWriter, r *http.Request, _ api.PathFile, _ api.HeadFileContentParams) {
	notBuilt(w, r)
}
func (unbuilt) GetThumbnail(w http.ResponseWriter, r *http.Request, _ api.PathFile, _ api.GetThumbnailParams) {
	notBuilt(w, r)
}
func (unbuilt) UploadFile(w http.ResponseWriter, r *http.Request, _ api.PathRoom, _ api.UploadFileParams) {
	notBuilt(w, r)
}
func (unbuilt) GetUploadOptions(w http.ResponseWriter, r *http.Request) { notBuilt(w, r) }
func (unbuilt) CreateUpload(w http.ResponseWriter, r *http.Request, _ api.CreateUploadParams) {
	notBuilt(w, r)
}
func (unbuilt) DeleteUpload(w http.ResponseWriter, r *http.Request, _ api.PathUpload, _ api.DeleteUploadParams) {
	notBuilt(w, r)
}
func (unbuilt) HeadUpload(w http.ResponseWriter, r *http.Request, _ api.PathUpload, _ api.HeadUploadParams) {
	notBuilt(w, r)
}
func (unbuilt) GetOneUploadOptions(w http.ResponseWriter, r *http.Request, _ api.PathUpload) {
	notBuilt(w, r)
}
func (unbuilt) PatchUpload(w http.ResponseWriter, r *http.Request, _ api.PathUpload, _ api.PatchUploadParams) {
	notBuilt(w, r)
}

func notBuilt(w http.ResponseWriter, r *http.Request) { fail(w, r, errNotBuilt()) }

func errNotBuilt() error {
	return models.Errorf(models.CodeNotImplemented, "This server does not have this route yet.")
}
