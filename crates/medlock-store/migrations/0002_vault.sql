CREATE TABLE vault_holders (
    holder BLOB PRIMARY KEY,
    sealed_key BLOB NOT NULL
);

CREATE TABLE vault_rows (
    sequence INTEGER PRIMARY KEY,
    holder BLOB NOT NULL REFERENCES vault_holders (holder) ON DELETE CASCADE,
    slot BLOB NOT NULL,
    sealed BLOB NOT NULL,
    UNIQUE (holder, slot)
);

CREATE TABLE vault_marks (
    holder BLOB NOT NULL REFERENCES vault_holders (holder) ON DELETE CASCADE,
    mark BLOB NOT NULL,
    PRIMARY KEY (holder, mark)
);
