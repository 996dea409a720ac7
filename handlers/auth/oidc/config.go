package oidc

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// Config is the server's registration at one provider.
type Config struct {
	Name         string // in paths, and for users
	Issuer       string // of OpenID Connect; "" for GitHub
	ClientID     string
	ClientSecret string
	URL          string // of GitHub, if it is not github.com
}

// gitHub is the name of the provider without an issuer.
const gitHub = "github"

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// ParseConfigs parses settings such as name=…,issuer=…,client_id=…,client_secret=….
func ParseConfigs(settings []string) ([]Config, error) {
	var configs []Config
	known := map[string]bool{}
	for _, setting := range settings {
		c, err := parseConfig(setting)
		if err == nil && known[c.Name] {
			err = errors.New("is configured twice")
		}
		if err != nil {
			return nil, fmt.Errorf("provider %q: %w", c.Name, err)
		}
		known[c.Name] = true
		configs = append(configs, c)
	}
	return configs, nil
}

func parseConfig(setting string) (c Config, err error) {
	fields := map[string]*string{
		"name": &c.Name, "issuer": &c.Issuer, "client_id": &c.ClientID, "client_secret": &c.ClientSecret, "url": &c.URL,
	}
	var last *string
	for _, part := range strings.Split(setting, ",") {
		key, value, _ := strings.Cut(part, "=")
		field := fields[strings.TrimSpace(key)]
		switch {
		case field != nil:
			*field, last = strings.TrimSpace(value), field
		case last == &c.ClientSecret:
			*last += "," + part // a secret may contain commas
		default:
			return c, errors.New("is not as in name=…,issuer=…,client_id=…,client_secret=…")
		}
	}
	return c, c.check()
}

func (c Config) check() error {
	switch {
	case !validName.MatchString(c.Name) || c.Name == "providers":
		return errors.New("name must be lower case letters, digits, - and _, and not providers, which is a route of its own")
	case c.ClientID == "" || c.ClientSecret == "":
		return errors.New("client_id and client_secret are needed")
	case c.Issuer == "" && c.Name != gitHub:
		return errors.New("issuer is needed")
	case c.Issuer != "" && c.URL != "":
		return errors.New("url is for GitHub alone, which has no issuer")
	}
	for _, address := range []string{c.Issuer, c.URL} {
		if u, err := url.Parse(address); err != nil ||
			address != "" && (u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			return fmt.Errorf("%q is not an https:// URL", address)
		}
	}
	return nil
}
