-- +goose Up

-- Who somebody is elsewhere, which opens their account: what an issuer calls them, never an e-mail address.
CREATE TABLE identities (
    issuer     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    id         TEXT   NOT NULL UNIQUE,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    provider   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_user ON identities (user_id, created_at, id);

-- Log-ins through providers that browsers have begun, on whichever node. Of what only the browser knows there are hashes.
CREATE TABLE auth_flows (
    state_hash   TEXT   NOT NULL PRIMARY KEY,
    browser_hash TEXT   NOT NULL,
    provider     TEXT   NOT NULL,
    nonce        TEXT   NOT NULL,
    verifier     TEXT   NOT NULL,
    callback     TEXT   NOT NULL,
    redirect     TEXT   NOT NULL,
    -- Who links their account, and in which session; 0 and '' for who logs in.
    user_id      BIGINT NOT NULL,
    session_id   TEXT   NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX auth_flows_by_expiry ON auth_flows (expires_at);

-- What such a log-in ends with, to be traded for a session.
CREATE TABLE login_codes (
    hash         TEXT   NOT NULL PRIMARY KEY,
    browser_hash TEXT   NOT NULL,
    user_id      BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX login_codes_by_user ON login_codes (user_id);
CREATE INDEX login_codes_by_expiry ON login_codes (expires_at);

-- A product's token for one of its users is a session of its own, until it runs out. Tokens of accounts that are gone are
-- kept until then: they must not make another account.
ALTER TABLE sessions ADD COLUMN vouched BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX sessions_vouched ON sessions (expires_at) WHERE vouched;
CREATE TABLE spent_tokens (
    session_id TEXT   NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_tokens_by_expiry ON spent_tokens (expires_at);

-- +goose Down
DROP TABLE spent_tokens;
DROP INDEX sessions_vouched;
ALTER TABLE sessions DROP COLUMN vouched;
DROP TABLE login_codes;
DROP TABLE auth_flows;
DROP TABLE identities;
