package store

import "github.com/parley-chat/parley/models"

// check is precondition_failed unless the condition holds for an object that the transaction has locked.
func check(only models.Condition, now interface{ Tag() string }) error {
	if !only.Given {
		return nil
	}
	return only.Check(now.Tag())
}
