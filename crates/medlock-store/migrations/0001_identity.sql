CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    password TEXT NOT NULL,
    totp BYTEA,
    log_index BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    totp_last_step BIGINT NOT NULL DEFAULT -1,
    failures BIGINT NOT NULL DEFAULT 0,
    locked_until_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    secret_hash BYTEA NOT NULL,
    roles TEXT NOT NULL,
    purposes TEXT NOT NULL,
    models TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    revoked_ms BIGINT,
    log_index BIGINT NOT NULL,
    mac BYTEA NOT NULL,
    last_used_ms BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    token_hash BYTEA NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    idle_ms BIGINT NOT NULL,
    absolute_expires_ms BIGINT NOT NULL,
    mfa_ms BIGINT,
    ended_ms BIGINT,
    mac BYTEA NOT NULL,
    last_seen_ms BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
