//! People.

use crate::mac::Columns;
use crate::{Store, StoreError, join, split};
use medlock_domain::{RoleName, Timestamp, UserId, Username};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};
use zeroize::Zeroizing;

const TABLE: &str = "users";

/// A person, with all that gives them authority.
#[derive(Clone, PartialEq, Eq)]
pub struct UserRow {
    /// For life.
    pub id: UserId,
    /// What they log in with.
    pub username: Username,
    /// Their roles.
    pub roles: Vec<RoleName>,
    /// When they were added.
    pub created: Timestamp,
    /// Whether they are shut out.
    pub disabled: bool,
    /// Their identity provider did that, and may take it back.
    pub by_provider: bool,
    /// Argon2id, as a PHC string.
    pub password_phc: String,
    /// The shared secret of their one-time codes, once enrolled.
    pub totp: Option<Zeroizing<Vec<u8>>>,
    /// The audit record that announced the row's present state.
    pub log_index: u64,
}

/// What changes at log-ins and confers nothing: outside the MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserCounters {
    /// Time step of the last one-time code that was accepted.
    pub totp_last_step: i64,
    /// Failed log-ins in a row.
    pub failures: u32,
    /// No log-in before this.
    pub locked_until: Timestamp,
}

impl Store {
    /// Adds a person.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the username or id is taken.
    pub async fn insert_user(&self, user: &UserRow) -> Result<(), StoreError> {
        self.insert_user_on(&mut *self.pool.acquire().await?, user).await
    }

    pub(crate) async fn insert_user_on(&self, on: &mut SqliteConnection, user: &UserRow) -> Result<(), StoreError> {
        let sealed = self.seal_totp(user);
        sqlx::query(
            "INSERT INTO users (id, username, roles, created_ms, disabled, password, totp, log_index, mac)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(user.id.as_str())
        .bind(user.username.as_str())
        .bind(join(&user.roles))
        .bind(user.created.0)
        .bind(state(user))
        .bind(&user.password_phc)
        .bind(&sealed)
        .bind(user.log_index as i64)
        .bind(self.keys.mac.make(&columns(user, sealed.as_deref())))
        .execute(on)
        .await?;
        Ok(())
    }

    /// Replaces what a person's row confers; counters stay. False when there is no such person.
    pub async fn update_user(&self, user: &UserRow) -> Result<bool, StoreError> {
        let sealed = self.seal_totp(user);
        let done = sqlx::query(
            "UPDATE users SET username = $2, roles = $3, created_ms = $4, disabled = $5, password = $6, totp = $7,
             log_index = $8, mac = $9 WHERE id = $1",
        )
        .bind(user.id.as_str())
        .bind(user.username.as_str())
        .bind(join(&user.roles))
        .bind(user.created.0)
        .bind(state(user))
        .bind(&user.password_phc)
        .bind(&sealed)
        .bind(user.log_index as i64)
        .bind(self.keys.mac.make(&columns(user, sealed.as_deref())))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The person with this id.
    pub async fn user(&self, id: &UserId) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE id = $1").bind(id.as_str()).fetch_optional(&self.pool).await?;
        row.map(|r| self.read_user(&r)).transpose()
    }

    /// The person who logs in with this name.
    pub async fn user_by_name(&self, name: &Username) -> Result<Option<UserRow>, StoreError> {
        let row = sqlx::query("SELECT * FROM users WHERE username = $1")
            .bind(name.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|r| self.read_user(&r)).transpose()
    }

    /// Everybody, by name.
    pub async fn users(&self) -> Result<Vec<UserRow>, StoreError> {
        let rows = sqlx::query("SELECT * FROM users ORDER BY username").fetch_all(&self.pool).await?;
        rows.iter().map(|r| self.read_user(r)).collect()
    }

    /// The log-in counters of a person.
    pub async fn user_counters(&self, id: &UserId) -> Result<Option<UserCounters>, StoreError> {
        let row = sqlx::query("SELECT totp_last_step, failures, locked_until_ms FROM users WHERE id = $1")
            .bind(id.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(UserCounters {
            totp_last_step: row.try_get("totp_last_step")?,
            failures: row.try_get::<i64, _>("failures")?.clamp(0, i64::from(u32::MAX)) as u32,
            locked_until: Timestamp(row.try_get("locked_until_ms")?),
        }))
    }

    /// Counts one more failed log-in; gives the new count.
    pub async fn add_failure(&self, id: &UserId) -> Result<u32, StoreError> {
        let row = sqlx::query("UPDATE users SET failures = failures + 1 WHERE id = $1 RETURNING failures")
            .bind(id.as_str())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<i64, _>("failures")?.clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// No log-in before `until`.
    pub async fn lock_user(&self, id: &UserId, until: Timestamp) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET locked_until_ms = $2 WHERE id = $1")
            .bind(id.as_str())
            .bind(until.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// A log-in succeeded, or somebody with the right lifted the lock.
    pub async fn clear_failures(&self, id: &UserId) -> Result<(), StoreError> {
        sqlx::query("UPDATE users SET failures = 0, locked_until_ms = 0 WHERE id = $1")
            .bind(id.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Accepts the one-time code of time step `step`, once: false when that step, or a later one,
    /// has been accepted before (SP 800-63B-4, 3.1.5.2).
    pub async fn accept_totp_step(&self, id: &UserId, step: i64) -> Result<bool, StoreError> {
        let done = sqlx::query("UPDATE users SET totp_last_step = $2 WHERE id = $1 AND totp_last_step < $2")
            .bind(id.as_str())
            .bind(step)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    fn seal_totp(&self, user: &UserRow) -> Option<Vec<u8>> {
        user.totp.as_ref().map(|secret| self.keys.seal.seal(&totp_aad(&user.id), secret))
    }

    fn read_user(&self, row: &SqliteRow) -> Result<UserRow, StoreError> {
        let id: String = row.try_get("id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: id.clone() };
        let sealed: Option<Vec<u8>> = row.try_get("totp")?;
        let user_id: UserId = id.parse().map_err(|_| tampered())?;
        let totp = match &sealed {
            Some(s) => Some(self.keys.seal.open(&totp_aad(&user_id), s).map_err(|_| tampered())?),
            None => None,
        };
        let user = UserRow {
            username: row.try_get::<String, _>("username")?.parse().map_err(|_| tampered())?,
            roles: split(&row.try_get::<String, _>("roles")?).ok_or_else(tampered)?,
            created: Timestamp(row.try_get("created_ms")?),
            disabled: row.try_get::<i64, _>("disabled")? != 0,
            by_provider: row.try_get::<i64, _>("disabled")? == PROVIDER,
            password_phc: row.try_get("password")?,
            log_index: row.try_get::<i64, _>("log_index")? as u64,
            id: user_id,
            totp,
        };
        let mac: Vec<u8> = row.try_get("mac")?;
        if !self.keys.mac.check(&columns(&user, sealed.as_deref()), &mac) {
            return Err(tampered());
        }
        Ok(user)
    }
}

/// In the column `disabled`: not, by somebody here, or by the identity provider.
const PROVIDER: i64 = 2;

fn state(user: &UserRow) -> i64 {
    if user.disabled && user.by_provider { PROVIDER } else { i64::from(user.disabled) }
}

fn totp_aad(id: &UserId) -> Vec<u8> {
    format!("medlock totp {id}").into_bytes()
}

fn columns(user: &UserRow, sealed_totp: Option<&[u8]>) -> Columns {
    Columns::of(TABLE)
        .text(user.id.as_str())
        .text(user.username.as_str())
        .text(&join(&user.roles))
        .int(user.created.0)
        .int(state(user))
        .text(&user.password_phc)
        .maybe(sealed_totp)
        .int(user.log_index as i64)
}
