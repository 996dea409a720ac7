package server

import (
	"reflect"
	"testing"

	"github.com/parley-chat/parley/models/store"
)

// TestEveryResourceHasItsStore: a field that is left out would be nil, and the first request would panic.
func TestEveryResourceHasItsStore(t *testing.T) {
	t.Parallel()
	stores := reflect.ValueOf(storesOf(&store.Store{}))
	for i := range stores.NumField() {
		if stores.Field(i).IsNil() {
			t.Errorf("%s is nil", stores.Type().Field(i).Name)
		}
	}
}
