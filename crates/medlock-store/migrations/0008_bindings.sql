ALTER TABLE api_keys ADD COLUMN bound TEXT NOT NULL DEFAULT '';
CREATE INDEX api_keys_by_bound ON api_keys (bound) WHERE bound <> '';
ALTER TABLE sessions ADD COLUMN certificate BLOB;
