CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    credential BLOB NOT NULL UNIQUE,
    passkey TEXT NOT NULL,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    log_index BIGINT NOT NULL,
    mac BLOB NOT NULL,
    last_used_ms BIGINT
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);
