package main

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// unbuilt are the operations of the contract that the server does not have yet. The list only shrinks.
var unbuilt = []string{"BeginAuth", "FinishAuth"}

func (op operation) built() bool { return !slices.Contains(unbuilt, op.OperationID) }

// TestEveryOperation makes a valid request to each operation of the contract. It must be served, or be on the list.
func TestEveryOperation(t *testing.T) {
	for _, name := range unbuilt {
		if !slices.ContainsFunc(operations(), func(op operation) bool { return op.OperationID == name }) {
			t.Errorf("%s is no operation of the contract", name)
		}
	}
	t.Logf("%d operations are not built yet: %q", len(unbuilt), unbuilt)
	play(t, []scenario{{"each operation", func(t *testing.T, c *client) {
		untouched := newStage(c)
		for _, op := range operations() {
			s := untouched
			if op.built() {
				s = newStage(c) // of its own, since it may well end what others need
			}
			by := s.me
			switch {
			case !op.needsToken():
				by = c
			case op.OperationID == "ChangePassword":
				by = c.account("me") // guests have no password
			}
			a := s.request(op, by)
			a.check(op.built())
			switch status := a.response.StatusCode; {
			case status == 501 && op.built():
				t.Errorf("%v\nis not on the list of what is to come", a)
			case status == 501 && op.method != "HEAD":
				a.problem(501, models.CodeNotImplemented)
			case status != 501 && !op.built():
				t.Errorf("%v\nis served: take %s off the list", a, op.OperationID)
			case status >= 400 && status != 501:
				t.Errorf("%v\nrefuses a valid request", a)
			}
			if op.takesForm() {
				if a := s.sendForm(op, by, s.path(op)); a.response.StatusCode >= 400 || a.breach(true) != nil {
					t.Errorf("%v\nis what a valid form is answered: %v", a, a.breach(true))
				}
			}
		}
	}}})
}
