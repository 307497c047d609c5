CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    asker TEXT NOT NULL REFERENCES users (id),
    verb TEXT NOT NULL,
    digest BLOB NOT NULL,
    detail TEXT NOT NULL,
    role TEXT,
    lasts_ms BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    state TEXT NOT NULL,
    decider TEXT,
    decided_ms BIGINT,
    log_index BIGINT NOT NULL,
    mac BLOB NOT NULL
);
CREATE INDEX approvals_by_state ON approvals (state, expires_ms);
