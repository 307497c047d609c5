//! Embedded database: users, roles, keys, sessions, sealed vault, migrations
