package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/parley-chat/parley/models"
)

// Provider is where people log in.
type Provider interface {
	// Begin is where to send the browser.
	Begin(ctx context.Context, a Attempt) (url string, err error)
	// Finish is who the browser came back as, with a code of the provider's. The error is bad_credentials when the provider
	// does not vouch for them, and unavailable when it does not answer.
	Finish(ctx context.Context, a Attempt, code string) (models.Person, error)
}

// Attempt is one log-in: what its answer is known by.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE
	Callback string // where the provider sends the browser back to
}

// New makes the provider that a setting is about.
func New(c Config) Provider {
	if c.Issuer == "" {
		return newGitHub(c)
	}
	return &openID{config: c, client: newClient()}
}

// NewVerifier is a secret of an attempt, for PKCE.
func NewVerifier() string { return oauth2.GenerateVerifier() }

const (
	// callTimeout bounds one call to a provider.
	callTimeout = 5 * time.Second
	// retryAfter is how long a provider that did not answer is left alone, and how long clients are told to wait.
	retryAfter = time.Second
	// maxAnswer bounds an answer of a provider, in bytes.
	maxAnswer = 1 << 20
)

// newClient calls providers. Log-ins are rare: no connection is kept for the next one.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: bounded{transport}, Timeout: callTimeout}
}

// bounded is a transport whose answers have an end.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	}
	return res, err
}

// exchange trades the code for tokens, at the provider.
func exchange(ctx context.Context, client *http.Client, c *oauth2.Config, a Attempt, code string) (*oauth2.Token, error) {
	tokens, err := c.Exchange(oidc.ClientContext(ctx, client), code, oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return nil, notVouchedFor(err)
	case err != nil:
		return nil, unavailable(err)
	}
	return tokens, nil
}

func notVouchedFor(err error) error {
	return &models.Error{Code: models.CodeBadCredentials, Message: "The provider does not say who you are.", Err: err}
}

func unavailable(err error) error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "This provider does not answer now; try again.", RetryAfter: retryAfter, Err: err,
	}
}
