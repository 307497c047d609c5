CREATE TABLE content_holders (
    id TEXT PRIMARY KEY,
    lookup BLOB NOT NULL UNIQUE,
    sealed_key BLOB NOT NULL,
    created_ms BIGINT NOT NULL
);
