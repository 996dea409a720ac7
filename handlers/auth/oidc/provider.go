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

// Provider is a provider to log in through.
type Provider interface {
	// Begin returns the URL to redirect the browser to.
	Begin(ctx context.Context, a Attempt) (url string, err error)
	// Finish returns the user of a browser that came back with a code. The error is bad_credentials if the provider does
	// not confirm who the user is, and unavailable if it cannot be reached.
	Finish(ctx context.Context, a Attempt, code string) (models.Person, error)
}

// Attempt is one log-in, with the values that its result is verified by.
type Attempt struct {
	State    string
	Nonce    string
	Verifier string // of PKCE
	Callback string // where the provider sends the browser back to
}

// New makes a provider.
func New(c Config) Provider {
	if c.Issuer == "" {
		return newGitHub(c)
	}
	return &openID{config: c, client: newClient()}
}

// NewVerifier makes the secret of an attempt for PKCE (RFC 7636).
func NewVerifier() string { return oauth2.GenerateVerifier() }

const (
	// callTimeout bounds one call to a provider.
	callTimeout = 5 * time.Second
	// retryAfter is how long a provider that failed is not called again, and the Retry-After of clients.
	retryAfter = time.Second
	// maxResponse bounds a response of a provider, in bytes.
	maxResponse = 1 << 20
)

// newClient makes a client for calls to a provider. It keeps no connections, because log-ins are rare.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &http.Client{Transport: bounded{transport}, Timeout: callTimeout}
}

// bounded is a transport that limits the size of responses.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, maxResponse)
	}
	return res, err
}

// exchange exchanges the code for tokens at the provider.
func exchange(
	ctx context.Context, client *http.Client, c *oauth2.Config, a Attempt, code string,
) (*oauth2.Token, error) {
	tokens, err := c.Exchange(oidc.ClientContext(ctx, client), code, oauth2.VerifierOption(a.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return nil, notConfirmed(err)
	case err != nil:
		return nil, unavailable(err)
	}
	return tokens, nil
}

func notConfirmed(err error) error {
	return &models.Error{Code: models.CodeBadCredentials, Message: "The provider does not say who you are.", Err: err}
}

func unavailable(err error) error {
	return &models.Error{
		Code:       models.CodeUnavailable,
		Message:    "This provider is not responding; try again.",
		RetryAfter: retryAfter,
		Err:        err,
	}
}
