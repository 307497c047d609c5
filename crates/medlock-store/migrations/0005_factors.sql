CREATE TABLE recovery_codes (
    user_id TEXT NOT NULL REFERENCES users (id),
    hash BLOB NOT NULL,
    log_index BIGINT NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (user_id, hash)
);
ALTER TABLE api_keys ADD COLUMN networks TEXT NOT NULL DEFAULT '';
