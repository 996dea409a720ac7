package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"github.com/parley-chat/parley/models"
)

// gitHubProvider is GitHub, which supports OAuth 2 but not OpenID Connect: its API returns who the user is.
type gitHubProvider struct {
	config Config
	client *http.Client
	web    string // the issuer of its users
	api    string
}

func newGitHub(c Config) *gitHubProvider {
	p := &gitHubProvider{config: c, client: newClient(), web: "https://github.com", api: "https://api.github.com"}
	if c.URL != "" { // GitHub Enterprise
		p.web = strings.TrimSuffix(c.URL, "/")
		p.api = p.web + "/api/v3"
	}
	return p
}

// Begin returns the URL of GitHub's page for this log-in. It needs no scope, since profiles are public.
func (p *gitHubProvider) Begin(_ context.Context, a Attempt) (string, error) {
	return p.oauth(a).AuthCodeURL(a.State, oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Finish exchanges the code, and asks GitHub for its user.
func (p *gitHubProvider) Finish(ctx context.Context, a Attempt, code string) (models.Person, error) {
	tokens, err := exchange(ctx, p.client, p.oauth(a), a, code)
	if err != nil {
		return models.Person{}, err
	}
	var user struct {
		ID    int64  `json:"id"`
		Login string `json:"login"`
		Name  string `json:"name"`
	}
	if err := p.user(ctx, tokens, &user); err != nil {
		return models.Person{}, unavailable(err)
	}
	if user.ID == 0 {
		return models.Person{}, notConfirmed(errors.New("GitHub returned no user id"))
	}
	return models.Person{
		Provider: p.config.Name, Issuer: p.web, Subject: strconv.FormatInt(user.ID, 10),
		Names: []string{user.Login}, DisplayName: user.Name,
	}, nil
}

func (p *gitHubProvider) user(ctx context.Context, tokens *oauth2.Token, user any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+"/user", http.NoBody)
	if err != nil {
		return err
	}
	tokens.SetAuthHeader(req)
	req.Header.Set("Accept", "application/vnd.github+json")
	res, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GitHub returned %s", res.Status)
	}
	return json.NewDecoder(res.Body).Decode(user)
}

func (p *gitHubProvider) oauth(a Attempt) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, RedirectURL: a.Callback,
		Endpoint: oauth2.Endpoint{
			AuthURL: p.web + "/login/oauth/authorize", TokenURL: p.web + "/login/oauth/access_token",
			AuthStyle: oauth2.AuthStyleInParams,
		},
	}
}
