package files

import (
	"regexp"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/upload/tus"
)

// TestPatternsOfUploadHeaders compares the patterns of the contract with what the server reads. They are stricter only
// about spaces, which the server passes over.
func TestPatternsOfUploadHeaders(t *testing.T) {
	t.Parallel()
	contract, err := openapi3.NewLoader().LoadFromData(api.Contract)
	if err != nil {
		t.Fatal(err)
	}
	create := contract.Paths.Find("/v1/uploads").Post.Parameters
	patch := contract.Paths.Find("/v1/uploads/{upload}").Patch.Parameters
	metadata := regexp.MustCompile(create.GetByInAndName("header", "Upload-Metadata").Schema.Value.Pattern)
	checksums := []*regexp.Regexp{
		regexp.MustCompile(create.GetByInAndName("header", "Upload-Checksum").Schema.Value.Pattern),
		regexp.MustCompile(patch.GetByInAndName("header", "Upload-Checksum").Schema.Value.Pattern),
	}

	for _, value := range []string{
		"", "room_id", "room_id ", "room_id N", "room_id Nw", "room_id Nw=", "room_id Nw==", "room_id NzEy", "room_id N===",
		"filename YQ==", "filename,room_id Nw==", "filename ,room_id Nw==", "room_id Nw==,filename", "room_id Nw==,",
		",room_id Nw==", "a YWI=,room_id NzEyMzQ1,b YWJj", "a YWI,room_id Nw==", "my-room_id Nw==", "room_id Nw-_",
	} {
		parsed, err := tus.ParseMetadata(value)
		valid := err == nil && parsed["room_id"] != ""
		if metadata.MatchString(value) != valid {
			t.Errorf("Upload-Metadata %q is valid: %t; the pattern says the reverse", value, valid)
		}
	}
	for _, value := range []string{
		"", "sha1", "sha1 ", "md5 CY9rzUYh03PK3k6DJie09g==", "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
		"sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J",
		"sha256 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=", "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
		"sha256 uU0nuZNNPgilLlLX2n2r-sSE7_N6U4DukIj3rOLvzek=", "SHA1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
		"sha512 z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
	} {
		_, err := tus.ParseChecksum(value)
		for _, pattern := range checksums {
			if pattern.MatchString(value) != (err == nil) {
				t.Errorf("Upload-Checksum %q is valid: %t; the pattern says the reverse", value, err == nil)
			}
		}
	}
}
