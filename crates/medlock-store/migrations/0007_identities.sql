CREATE TABLE identities (
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL UNIQUE REFERENCES users (id),
    log_index BIGINT NOT NULL,
    mac BLOB NOT NULL,
    PRIMARY KEY (issuer, subject)
);
