//! Schema versions, each applied once and whole.

use crate::StoreError;
use sqlx::{AssertSqlSafe, Row, SqlitePool};

const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_identity.sql"),
    include_str!("../migrations/0002_vault.sql"),
    include_str!("../migrations/0003_holders.sql"),
    include_str!("../migrations/0004_emergency.sql"),
    include_str!("../migrations/0005_factors.sql"),
    include_str!("../migrations/0006_passkeys.sql"),
    include_str!("../migrations/0007_identities.sql"),
    include_str!("../migrations/0008_bindings.sql"),
    include_str!("../migrations/0009_approvals.sql"),
    include_str!("../migrations/0010_policy_versions.sql"),
];

pub(crate) async fn run(pool: &SqlitePool) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as i64;
    let mut tx = pool.begin().await?;
    let found: i64 = sqlx::query("PRAGMA user_version").fetch_one(&mut *tx).await?.try_get(0)?;
    if found > known {
        return Err(StoreError::TooNew { found, known });
    }
    // A negative version is nobody's; every script is tried, and the first one says that its tables exist.
    for script in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        sqlx::raw_sql(*script).execute(&mut *tx).await?;
    }
    sqlx::raw_sql(AssertSqlSafe(format!("PRAGMA user_version = {known}"))).execute(&mut *tx).await?;
    // A crash before this leaves the old version, whole.
    tx.commit().await?;
    Ok(())
}
