package store

import (
	"slices"

	"github.com/parley-chat/parley/models"
)

// check is precondition_failed unless all conditions hold for an object that the transaction has locked.
func check(only []models.Condition, now interface{ Tag() string }) error {
	if !isGiven(only) {
		return nil
	}
	tag := now.Tag()
	for _, c := range only {
		if err := c.Check(tag); err != nil {
			return err
		}
	}
	return nil
}

// isGiven reports whether there is a condition to check.
func isGiven(only []models.Condition) bool {
	return slices.ContainsFunc(only, func(c models.Condition) bool { return c.Given })
}
