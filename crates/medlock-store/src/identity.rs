//! Who somebody is to an identity provider: its name and theirs there, for one of our people.

use crate::mac::Columns;
use crate::{Store, StoreError, UserRow};
use medlock_domain::UserId;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;

const TABLE: &str = "identities";

/// Somebody, as an identity provider knows them (`iss` and `sub`: the pair is for life, OpenID Connect Core, 5.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Its name for the person.
    pub subject: String,
}

impl Store {
    /// Adds a person who comes from an identity provider, both or neither.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the username or the identity is taken.
    pub async fn insert_identified(&self, user: &UserRow, identity: &Identity) -> Result<(), StoreError> {
        let mut tx = self.pool.begin().await?;
        self.insert_user_on(&mut tx, user).await?;
        sqlx::query("INSERT INTO identities (issuer, subject, user_id, log_index, mac) VALUES ($1, $2, $3, $4, $5)")
            .bind(&identity.issuer)
            .bind(&identity.subject)
            .bind(user.id.as_str())
            .bind(user.log_index as i64)
            .bind(self.keys.mac.make(&columns(identity, user.id.as_str(), user.log_index)))
            .execute(&mut *tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// Everybody whom a provider knows, with its name for them.
    pub async fn identities(&self, issuer: &str) -> Result<HashMap<UserId, String>, StoreError> {
        let rows = sqlx::query("SELECT subject, user_id, log_index, mac FROM identities WHERE issuer = $1")
            .bind(issuer)
            .fetch_all(&self.pool)
            .await?;
        let read = |row: &SqliteRow| {
            let identity = Identity { issuer: issuer.to_owned(), subject: row.try_get("subject")? };
            Ok((self.checked(&identity, row)?, identity.subject))
        };
        rows.iter().map(read).collect()
    }

    /// What its provider calls somebody, if they come from one.
    pub async fn subject_of(&self, user: &UserId) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT issuer, subject, user_id, log_index, mac FROM identities WHERE user_id = $1")
            .bind(user.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let identity = Identity { issuer: row.try_get("issuer")?, subject: row.try_get("subject")? };
        self.checked(&identity, &row)?;
        Ok(Some(identity.subject))
    }

    /// Forgets whom a provider calls somebody.
    pub async fn delete_identity(&self, user: &UserId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM identities WHERE user_id = $1").bind(user.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// Who that is here.
    pub async fn identified(&self, identity: &Identity) -> Result<Option<UserId>, StoreError> {
        let row = sqlx::query("SELECT user_id, log_index, mac FROM identities WHERE issuer = $1 AND subject = $2")
            .bind(&identity.issuer)
            .bind(&identity.subject)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| self.checked(identity, &row)).transpose()
    }

    fn checked(&self, identity: &Identity, row: &SqliteRow) -> Result<UserId, StoreError> {
        let user: String = row.try_get("user_id")?;
        let tampered = || StoreError::Tampered { table: TABLE, id: user.clone() };
        let columns = columns(identity, &user, row.try_get::<i64, _>("log_index")? as u64);
        if !self.keys.mac.check(&columns, &row.try_get::<Vec<u8>, _>("mac")?) {
            return Err(tampered());
        }
        user.parse().map_err(|_| tampered())
    }
}

fn columns(identity: &Identity, user: &str, log_index: u64) -> Columns {
    Columns::of(TABLE).text(&identity.issuer).text(&identity.subject).text(user).int(log_index as i64)
}
