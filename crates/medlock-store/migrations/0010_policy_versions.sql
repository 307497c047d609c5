CREATE TABLE policy_versions (
    version BIGINT PRIMARY KEY,
    digest BLOB NOT NULL,
    since_ms BIGINT NOT NULL,
    mac BLOB NOT NULL
);
