package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/models"
)

// TestSlowSearchIsCanceled runs a search that does not end by itself.
func TestSlowSearchIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{searches: models.NewConcurrencyLimit(1, 1)}
		err := s.search(t.Context(), 7, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, &models.Error{Code: models.CodeUnavailable}) {
			t.Errorf("the error is %v", err)
		}
		err = s.search(t.Context(), 7, func(context.Context) error { return nil })
		if err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}
