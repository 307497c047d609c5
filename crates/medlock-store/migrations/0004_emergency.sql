CREATE TABLE emergencies (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    patient TEXT,
    drill BIGINT NOT NULL,
    created_ms BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    log_index BIGINT NOT NULL,
    mac BLOB NOT NULL
);
