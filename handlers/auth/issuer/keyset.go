package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"golang.org/x/time/rate"

	"github.com/parley-chat/parley/models"
)

const (
	// keysLife is how long keys are used before they are fetched again. A withdrawn key is valid no longer than that.
	keysLife = time.Hour
	// fetchTimeout and maxKeys bound a fetch, in time and in bytes.
	fetchTimeout = 5 * time.Second
	maxKeys      = 1 << 20
	// A token may name any key. Unknown keys cause fetchBurst fetches in a row, and then one in fetchEvery.
	fetchBurst = 5
	fetchEvery = 30 * time.Second
)

var errUnknownKey = errors.New("the key is not one of the issuer's")

// keySet is the issuer's public keys, from the configured URL.
type keySet struct {
	url       string
	algorithm string
	client    *http.Client
	limiter   *rate.Limiter
	fetching  sync.Mutex // held during a fetch; locked before mu

	mu   sync.RWMutex
	keys []jose.JSONWebKey
	at   time.Time // when they were fetched; zero for never
}

func newKeySet(url, algorithm string) *keySet {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true
	return &keySet{
		url: url, algorithm: algorithm,
		client:  &http.Client{Transport: transport, Timeout: fetchTimeout, CheckRedirect: noRedirect},
		limiter: rate.NewLimiter(rate.Every(fetchEvery), fetchBurst),
	}
}

// noRedirect follows no redirect: keys come from the configured URL alone.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// key returns the public key with an id, and when it was fetched. An unknown key is fetched; meanwhile tokens with
// known keys are verified.
func (s *keySet) key(ctx context.Context, kid string) (key any, fetched time.Time, err error) {
	asked := time.Now()
	known, at := s.find(kid)
	if known != nil {
		if time.Since(at) > keysLife && s.fetching.TryLock() {
			defer s.fetching.Unlock()
			if s.limiter.Allow() && s.fetch(ctx) == nil {
				known, at = s.find(kid)
			}
		}
		return orUnknown(known, at)
	}
	s.fetching.Lock()
	defer s.fetching.Unlock()
	if known, at = s.find(kid); known != nil || at.After(asked) { // another request has fetched meanwhile
		return orUnknown(known, at)
	}
	if !s.limiter.Allow() {
		if at.IsZero() {
			return nil, at, unavailable(errors.New("the keys could not be fetched a moment ago"))
		}
		return nil, at, errUnknownKey
	}
	if err := s.fetch(ctx); err != nil {
		return nil, at, unavailable(err)
	}
	return orUnknown(s.find(kid))
}

func orUnknown(key any, fetched time.Time) (any, time.Time, error) {
	if key == nil {
		return nil, fetched, errUnknownKey
	}
	return key, fetched, nil
}

// find returns a fetched key by its id, nil for none. A token without a key id uses the only key.
func (s *keySet) find(kid string) (key any, at time.Time) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, k := range s.keys {
		if k.KeyID == kid || kid == "" && len(s.keys) == 1 {
			return k.Key, s.at
		}
	}
	return nil, s.at
}

// fetch fetches the keys. It does not end with its request, because other requests wait for it too.
func (s *keySet) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, s.url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s returned %s", s.url, res.Status)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, res.Body, maxKeys)).Decode(&set); err != nil {
		return fmt.Errorf("read the keys at %s: %w", s.url, err)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && s.verifies(k) { // other keys are for other uses
			keys = append(keys, k)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.at = keys, time.Now()
	return nil
}

// verifies reports whether tokens can be verified with the key.
func (s *keySet) verifies(k jose.JSONWebKey) bool {
	return k.Valid() && k.IsPublic() && (k.Use == "" || k.Use == "sig") &&
		(k.Algorithm == "" || k.Algorithm == s.algorithm)
}

func unavailable(err error) error {
	return &models.Error{
		Code:       models.CodeUnavailable,
		Message:    "The keys of the token's issuer are not available now; try again.",
		RetryAfter: time.Second,
		Err:        err,
	}
}
