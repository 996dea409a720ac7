package api

import (
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// TestEveryOperation sends a valid request to each operation of the contract, and expects success.
func TestEveryOperation(t *testing.T) {
	harness.SkipIfShort(t)
	p := harness.NewOIDCProvider(t)
	harness.RunScenarios(t, []harness.Scenario{{Name: "each operation", Run: func(t *testing.T, c *harness.Client) {
		for _, op := range harness.Operations() {
			s := newRequestFixture(c) // one for each operation, since an operation may delete what others need
			by := s.me
			switch {
			case op.OperationID == "FinishAuth":
				by = c.NewBrowser()
				s.callback = p.Authorize(by, by.BeginLogIn("/v1/auth/mock"),
					harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: "ada"})
			case !op.NeedsToken():
				by = c
			case op.OperationID == "ChangePassword":
				by = c.NewAccount("me") // guests have no password
			case op.OperationID == "DeleteIdentity":
				by = c.NewAccount("me")
				s.identity = p.LinkIdentity(by)
			}
			a := s.request(op, by)
			a.CheckContract(true)
			if a.HTTP.StatusCode >= 400 {
				t.Errorf("a valid request was refused: %v", a)
			}
			if op.TakesForm() && op.TakesBytes() { // the request above was not a form
				if a := s.sendForm(op, by, s.path(op)); a.HTTP.StatusCode >= 400 || a.ContractViolation(true) != nil {
					t.Errorf("a valid form: got %v, %v", a, a.ContractViolation(true))
				}
			}
		}
	}}}, "--oidc", p.Flag("mock"))
}
