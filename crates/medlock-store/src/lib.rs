//! The embedded database: people, API keys and sessions. SQLite in WAL mode, every commit synced.
//!
//! Rows that confer authority carry a MAC over all that they confer and the index of the audit
//! record that announced them, so that an edit of the file is noticed when the row is read and
//! refused ([`StoreError::Tampered`]). Removing a row is not noticed here; a removed row confers
//! nothing. Second-factor secrets are sealed under a key that is not in the database.

mod api_key;
mod approval;
mod emergency;
mod holder;
mod identity;
mod mac;
mod migrate;
mod passkey;
mod policy;
mod recovery;
mod session;
mod user;
mod vault;

pub use api_key::ApiKeyRow;
pub use approval::{ApprovalRow, ApprovalState};
pub use emergency::EmergencyRow;
pub use holder::{HolderKey, HolderKeys};
pub use identity::Identity;
pub use passkey::PasskeyRow;
pub use session::SessionRow;
pub use user::{UserCounters, UserRow};
pub use vault::{VaultRow, VaultStore};

use mac::RowMac;
use medlock_keys::seal::DataKey;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
    keys: Arc<Keys>,
}

struct Keys {
    seal: DataKey,
    mac: RowMac,
}

/// The keys that the database works under.
pub struct StoreKeys {
    /// Seals secrets in rows.
    pub seal: DataKey,
    /// Authenticates rows.
    pub mac: DataKey,
}

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file's access rights let others in.
    #[error("{0} can be read by others: run chmod 600 on it")]
    Exposed(String),
    /// A row was changed by something that does not hold the key, or belongs to another database.
    #[error("row {id} of table {table} was not written by this server: refused")]
    Tampered {
        /// Which table.
        table: &'static str,
        /// The row's id.
        id: String,
    },
    /// There is a row of that name already.
    #[error("{0} exists already")]
    Exists(&'static str),
    /// A newer medlock has written this file.
    #[error("the database has version {found}; this program knows up to {known}")]
    TooNew {
        /// In the file.
        found: i64,
        /// In the program.
        known: i64,
    },
    /// Somebody still reads what was to be overwritten.
    #[error("the database is being read, so that what was destroyed is not overwritten yet: try again")]
    Busy,
    /// The file or its disk.
    #[error("database file: {0}")]
    Io(#[from] std::io::Error),
    /// The database.
    #[error("database: {0}")]
    Database(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(e: sqlx::Error) -> Self {
        match &e {
            sqlx::Error::Database(d) if d.is_unique_violation() => StoreError::Exists("a row of that name"),
            _ => StoreError::Database(e),
        }
    }
}

impl Store {
    /// Opens the database at `path`, made with mode 0600 and brought up to date first.
    ///
    /// # Errors
    /// When the file cannot be opened, can be read by others, or is of a newer version.
    pub async fn open(path: &Path, keys: StoreKeys) -> Result<Store, StoreError> {
        // SQLite gives -wal and -shm the mode of the file itself.
        let file = std::fs::OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(StoreError::Exposed(path.display().to_string()));
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            // What is erased is overwritten.
            .pragma("secure_delete", "ON")
            .busy_timeout(Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        migrate::run(&pool).await?;
        Ok(Store { pool, keys: Arc::new(Keys { seal: keys.seal, mac: RowMac::new(keys.mac) }) })
    }

    /// Closes the connections, so that what is in the WAL is in the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// A list of names as one column: none of their grammars has a comma.
fn join<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// The list back; `None` when an element is not of the grammar.
fn split<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
    text.split(',').filter(|s| !s.is_empty()).map(|s| s.parse().ok()).collect()
}

#[cfg(test)]
mod tests;
