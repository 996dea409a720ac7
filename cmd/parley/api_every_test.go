package main

import "testing"

// TestEveryOperation makes a valid request to each operation of the contract, and has it served.
func TestEveryOperation(t *testing.T) {
	long(t)
	p := newProvider(t)
	play(t, []scenario{{"each operation", func(t *testing.T, c *client) {
		for _, op := range operations() {
			s := newStage(c) // of its own, since it may well end what others need
			by := s.me
			switch {
			case op.OperationID == "FinishAuth":
				by = c.browser()
				s.callback = p.asks(by, by.begins("/v1/auth/mock"), visitor{subject: unique("ada"), username: "ada"})
			case !op.needsToken():
				by = c
			case op.OperationID == "ChangePassword":
				by = c.account("me") // guests have no password
			case op.OperationID == "DeleteIdentity":
				by = c.account("me")
				s.identity = p.links(by)
			}
			a := s.request(op, by)
			a.check(true)
			if a.response.StatusCode >= 400 {
				t.Errorf("%v\nrefuses a valid request", a)
			}
			if op.takesForm() {
				if a := s.sendForm(op, by, s.path(op)); a.response.StatusCode >= 400 || a.breach(true) != nil {
					t.Errorf("%v\nis what a valid form is answered: %v", a, a.breach(true))
				}
			}
		}
	}}}, "--oidc", p.setting("mock"))
}
