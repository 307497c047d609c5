//! The index: one SQLite file beside the log, made from it and from nothing else.
//!
//! A term is a field with a value, such as a person's id; a table says in which entries each stands.
//! Found entries are read from the log at the place that the index gives, and only taken if they stand
//! there with the right number.

use crate::query::{Cursor, Order, Page, Query};
use crate::terms::{self, Field};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use medlock_audit::read::{Follow, Position, StoredEntry, entry_at, entry_with_content_at};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, QueryBuilder, Row as _, Sqlite, SqlitePool};
use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What this program writes. Another is made again.
const VERSION: i64 = 2;
/// Entries taken in one transaction.
const BATCH: usize = 5000;
/// Rows in one statement: SQLite takes 32,766 values.
const ROWS: usize = 4000;
/// Words whose number is remembered while filling.
const REMEMBERED: usize = 200_000;

const SCHEMA: &str = "
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, origin TEXT NOT NULL,
    entries INTEGER NOT NULL, segment INTEGER NOT NULL, place INTEGER NOT NULL);
CREATE TABLE entry (idx INTEGER PRIMARY KEY, time INTEGER NOT NULL, segment INTEGER NOT NULL, place INTEGER NOT NULL);
CREATE INDEX entry_time ON entry (time);
CREATE TABLE word (id INTEGER PRIMARY KEY, field INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (field, value));
CREATE TABLE term (word INTEGER NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (word, idx)) WITHOUT ROWID;
";

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Of another log, another version, damaged, or not where the log is.
    #[error("the audit index does not fit the log ({0}): make it again with `medlock audit index rebuild`")]
    Unfit(&'static str),
    /// The log.
    #[error(transparent)]
    Log(#[from] medlock_audit::Error),
    /// The file or its disk.
    #[error("the audit index: {0}")]
    Io(#[from] std::io::Error),
    /// The database.
    #[error("the audit index: {0}")]
    Database(#[from] sqlx::Error),
}

/// Where the index says something else than the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The entry is missing, or stands elsewhere or at another time.
    Entry(u64),
    /// What the entry is found by is not what the log says.
    Terms(u64),
    /// An entry that the log does not have.
    Extra(u64),
}

/// The index of one log. Clones are the same.
#[derive(Clone)]
pub struct Index {
    pool: SqlitePool,
    log: PathBuf,
}

impl Index {
    /// Opens the index `file` of the log in the directory `log`; makes it if there is none. Several
    /// processes may have it open.
    pub async fn open(file: &Path, log: &Path) -> Result<Self, IndexError> {
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
            Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e.into()),
            _ => {}
        }
        // It can be made again from the log: nothing need wait for the disk.
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(60));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        let index = Self { pool, log: log.to_owned() };
        let mut connection = index.pool.acquire().await?;
        index.set_up(&mut connection).await?;
        drop(connection);
        Ok(index)
    }

    /// The directory of its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Removes the index `file`, and what belongs to it, so that the next opening makes it again.
    pub fn remove(file: &Path) -> std::io::Result<()> {
        for end in ["", "-wal", "-shm"] {
            let mut name = file.as_os_str().to_owned();
            name.push(end);
            match std::fs::remove_file(name) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    async fn set_up(&self, connection: &mut SqliteConnection) -> Result<(), IndexError> {
        let origin = Follow::from(&self.log, Position::START)?.origin().to_owned();
        let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
        let there = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetch_optional(&mut *work).await;
        if there.map_err(|_| IndexError::Unfit("it is no database"))?.is_none() {
            sqlx::raw_sql(SCHEMA).execute(&mut *work).await?;
            let start = Position::START;
            sqlx::query("INSERT INTO state VALUES (1, $1, $2, 0, $3, $4)")
                .bind(VERSION)
                .bind(&origin)
                .bind(signed(start.segment))
                .bind(signed(start.offset))
                .execute(&mut *work)
                .await?;
        }
        let row = sqlx::query("SELECT version, origin FROM state").fetch_optional(&mut *work).await;
        let row = row.ok().flatten().ok_or(IndexError::Unfit("its state is missing"))?;
        if row.try_get::<i64, _>(0)? != VERSION {
            return Err(IndexError::Unfit("it is of another version"));
        }
        if row.try_get::<String, _>(1)? != origin {
            return Err(IndexError::Unfit("it is of another log"));
        }
        work.commit().await?;
        Ok(())
    }

    /// Takes in what the log has acknowledged since; gives how many entries the index has then.
    pub async fn catch_up(&self) -> Result<u64, IndexError> {
        let mut connection = self.pool.acquire().await?;
        let mut words = HashMap::new();
        loop {
            // One at a time, also of several processes: who comes second goes on where the first was.
            let mut work = connection.begin_with("BEGIN IMMEDIATE").await?;
            let row = sqlx::query("SELECT entries, segment, place FROM state").fetch_one(&mut *work).await?;
            let number = |at| row.try_get::<i64, _>(at).map(|n| u64::try_from(n).unwrap_or(0));
            let entries = number(0)?;
            let (log, at) = (self.log.clone(), Position { segment: number(1)?, offset: number(2)? });
            let read = tokio::task::spawn_blocking(move || {
                let mut follow = Follow::from(&log, at)?;
                Ok::<_, medlock_audit::Error>((follow.next(BATCH)?, follow.position()))
            });
            let (found, position) = read.await.map_err(|e| std::io::Error::other(e.to_string()))??;
            if found.first().is_some_and(|(_, entry)| entry.index != entries) {
                return Err(IndexError::Unfit("it does not go on where the log does"));
            }
            if found.is_empty() && position == at {
                return Ok(entries);
            }
            if words.len() > REMEMBERED {
                words.clear();
            }
            take(&mut work, &found, &mut words).await?;
            let entries = entries + found.len() as u64;
            sqlx::query("UPDATE state SET entries = $1, segment = $2, place = $3")
                .bind(signed(entries))
                .bind(signed(position.segment))
                .bind(signed(position.offset))
                .execute(&mut *work)
                .await?;
            work.commit().await?;
        }
    }

    /// A page of at most `limit` entries after `cursor`. Looks among what has been taken in.
    pub async fn search(&self, query: &Query, cursor: Option<Cursor>, limit: usize) -> Result<Page, IndexError> {
        self.read(query, cursor, limit, entry_at).await
    }

    /// The same with what is sealed with each.
    pub async fn contents(&self, query: &Query, cursor: Option<Cursor>, limit: usize) -> Result<Page, IndexError> {
        self.read(query, cursor, limit, entry_with_content_at).await
    }

    /// Every entry that a query finds, in its order. Looks among what has been taken in.
    pub fn each(&self, query: Query) -> impl Stream<Item = Result<StoredEntry, IndexError>> + '_ {
        let pages = stream::try_unfold(Some(None), move |at: Option<Option<Cursor>>| {
            let query = query.clone();
            async move {
                let Some(cursor) = at else { return Ok(None) };
                let page = self.search(&query, cursor, 1000).await?;
                Ok::<_, IndexError>(Some((stream::iter(page.entries).map(Ok), page.next.map(Some))))
            }
        });
        pages.try_flatten()
    }

    /// Whether there is an entry of these.
    pub async fn any(&self, query: &Query) -> Result<bool, IndexError> {
        Ok(!self.places(query, None, 1).await?.is_empty())
    }

    /// How many entries there are of these.
    pub async fn count(&self, query: &Query) -> Result<u64, IndexError> {
        let (mut count, mut cursor) = (0, None);
        loop {
            let places = self.places(query, cursor, ROWS).await?;
            count += places.len() as u64;
            match places.last() {
                Some((index, _)) if places.len() == ROWS => cursor = Some(Cursor(*index)),
                _ => return Ok(count),
            }
        }
    }

    async fn read(
        &self,
        query: &Query,
        cursor: Option<Cursor>,
        limit: usize,
        one: fn(&Path, Position) -> Result<StoredEntry, medlock_audit::Error>,
    ) -> Result<Page, IndexError> {
        let limit = limit.clamp(1, 1000);
        let places = self.places(query, cursor, limit + 1).await?;
        let more = places.len() > limit;
        let (log, wanted) = (self.log.clone(), places.into_iter().take(limit).collect::<Vec<_>>());
        let read = tokio::task::spawn_blocking(move || {
            let read = |(index, at): (u64, Position)| {
                let entry = one(&log, at).map_err(|_| IndexError::Unfit("an entry is not where it says"))?;
                if entry.index == index { Ok(entry) } else { Err(IndexError::Unfit("an entry is not where it says")) }
            };
            wanted.into_iter().map(read).collect::<Result<Vec<StoredEntry>, _>>()
        });
        let entries = read.await.map_err(|e| std::io::Error::other(e.to_string()))??;
        let next = entries.last().filter(|_| more).map(|entry| Cursor(entry.index));
        Ok(Page { entries, next })
    }

    async fn places(
        &self,
        query: &Query,
        cursor: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<(u64, Position)>, IndexError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT DISTINCT e.idx, e.segment, e.place FROM ");
        let mut fields = Vec::new();
        for field in Field::ALL {
            let Some(values) = query.terms.get(&field) else { continue };
            let words = self.words(field, values).await?;
            if words.is_empty() {
                return Ok(Vec::new());
            }
            fields.push(words);
        }
        // The most telling field leads; CROSS JOIN keeps that order.
        for (n, _) in fields.iter().enumerate() {
            sql.push(format!("{}term t{n}", if n == 0 { "" } else { " CROSS JOIN " }));
        }
        sql.push(if fields.is_empty() { "entry e" } else { " CROSS JOIN entry e" });
        let lead = if fields.is_empty() { "e.idx" } else { "t0.idx" };
        sql.push(" WHERE 1");
        for (n, words) in fields.iter().enumerate() {
            sql.push(format!(" AND t{n}.word IN ("));
            let mut list = sql.separated(", ");
            for word in words {
                list.push_bind(*word);
            }
            sql.push(format!(") AND t{n}.idx = {}", if n == 0 { "t0.idx" } else { lead }));
        }
        if !fields.is_empty() {
            sql.push(" AND e.idx = t0.idx");
        }
        if let Some(Cursor(at)) = cursor {
            sql.push(format!(" AND {lead} {} ", if query.order == Order::Newest { "<" } else { ">" }))
                .push_bind(signed(at));
        }
        if let Some(since) = query.since {
            sql.push(" AND e.time >= ").push_bind(since.0);
        }
        if let Some(until) = query.until {
            sql.push(" AND e.time < ").push_bind(until.0);
        }
        let order = if query.order == Order::Newest { "DESC" } else { "ASC" };
        sql.push(format!(" ORDER BY {lead} {order} LIMIT ")).push_bind(limit as i64);
        let rows = sql.build().fetch_all(&self.pool).await?;
        let place = |row: sqlx::sqlite::SqliteRow| {
            let number = |at| row.try_get::<i64, _>(at).map(|n| u64::try_from(n).unwrap_or(u64::MAX));
            Ok((number(0)?, Position { segment: number(1)?, offset: number(2)? }))
        };
        rows.into_iter().map(place).collect()
    }

    async fn words(&self, field: Field, values: &[String]) -> Result<Vec<i64>, IndexError> {
        let mut sql = QueryBuilder::<Sqlite>::new("SELECT id FROM word WHERE field = ");
        sql.push_bind(field as i64).push(" AND value IN (");
        let mut list = sql.separated(", ");
        for value in values {
            list.push_bind(value);
        }
        sql.push(")");
        let rows = sql.build().fetch_all(&self.pool).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    /// Compares every row with the log; gives how many entries the index has, and the first so many
    /// differences. What the log has and the index has not been told of yet is none. Memory: 8 bytes an
    /// entry.
    pub async fn check(&self, at_most: usize) -> Result<(u64, Vec<Difference>), IndexError> {
        // One picture of the index, whatever others do to it meanwhile.
        let mut connection = self.pool.acquire().await?;
        let mut work = connection.begin().await?;
        let entries: i64 = sqlx::query("SELECT entries FROM state").fetch_one(&mut *work).await?.try_get(0)?;
        let entries = unsigned(entries);
        let mut found: Vec<Difference> = Vec::new();
        // Sums of terms under a key of this moment: whoever wrote the file could not aim at them.
        let hasher = RandomState::new();
        let sum = |field: i64, value: &str| hasher.hash_one((field, value));
        let mut sums = vec![0u64; usize::try_from(entries).unwrap_or(usize::MAX).min(1 << 32)];
        let mut rows = sqlx::query("SELECT t.idx, w.field, w.value FROM word w CROSS JOIN term t ON t.word = w.id")
            .fetch(&mut *work);
        while let Some(row) = rows.try_next().await? {
            let index = unsigned(row.try_get::<i64, _>(0)?);
            let at = usize::try_from(index).ok().and_then(|index| sums.get_mut(index));
            match at {
                Some(at) => *at = at.wrapping_add(sum(row.try_get(1)?, row.try_get(2)?)),
                None => found.push(Difference::Extra(index)),
            }
            if found.len() >= at_most {
                break;
            }
        }
        drop(rows);
        let extra = "SELECT idx FROM entry WHERE idx >= $1 OR idx < 0 LIMIT 10";
        for row in sqlx::query(extra).bind(signed(entries)).fetch_all(&mut *work).await? {
            found.push(Difference::Extra(unsigned(row.try_get::<i64, _>(0)?)));
        }
        let orphans = "SELECT COUNT(*) FROM term WHERE word NOT IN (SELECT id FROM word)";
        if sqlx::query(orphans).fetch_one(&mut *work).await?.try_get::<i64, _>(0)? > 0 {
            return Err(IndexError::Unfit("terms have lost their words"));
        }
        let (mut follow, mut next) = (Follow::from(&self.log, Position::START)?, 0);
        while next < entries && found.len() < at_most {
            let batch = follow.next(BATCH)?;
            if batch.is_empty() {
                return Err(IndexError::Unfit("it has entries that the log has not"));
            }
            let last = next + batch.len() as u64;
            let places = places_of(&mut work, next, last).await?;
            for (at, entry) in batch.iter().take_while(|(_, entry)| entry.index < entries) {
                match places.get(&entry.index) {
                    Some(place) if *place == (entry.time.0, *at) => {}
                    _ => found.push(Difference::Entry(entry.index)),
                }
                let terms = terms::of(entry);
                let want = terms.iter().fold(0u64, |all, (field, value)| all.wrapping_add(sum(*field as i64, value)));
                if sums[entry.index as usize] != want {
                    found.push(Difference::Terms(entry.index));
                }
            }
            next = last;
        }
        found.truncate(at_most);
        Ok((entries, found))
    }

    /// Lets go of the file.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// Times and places of the entries `from..to`.
async fn places_of(
    work: &mut SqliteConnection,
    from: u64,
    to: u64,
) -> Result<HashMap<u64, (i64, Position)>, sqlx::Error> {
    let sql = "SELECT idx, time, segment, place FROM entry WHERE idx >= $1 AND idx < $2";
    let rows = sqlx::query(sql).bind(signed(from)).bind(signed(to)).fetch_all(work).await?;
    let place = |row: &sqlx::sqlite::SqliteRow| {
        let number = |at| row.try_get::<i64, _>(at);
        let place = Position { segment: unsigned(number(2)?), offset: unsigned(number(3)?) };
        Ok((unsigned(number(0)?), (number(1)?, place)))
    };
    rows.iter().map(place).collect()
}

/// Writes down where entries stand and what they are found by.
async fn take(
    work: &mut SqliteConnection,
    found: &[(Position, StoredEntry)],
    words: &mut HashMap<(Field, String), i64>,
) -> Result<(), sqlx::Error> {
    for part in found.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO entry (idx, time, segment, place) ");
        sql.push_values(part, |mut row, (at, entry)| {
            row.push_bind(signed(entry.index)).push_bind(entry.time.0);
            row.push_bind(signed(at.segment)).push_bind(signed(at.offset));
        });
        sql.build().execute(&mut *work).await?;
    }
    let mut rows = Vec::with_capacity(found.len() * 8);
    for (_, entry) in found {
        for term in terms::of(entry) {
            rows.push((term, entry.index));
        }
    }
    let mut new: Vec<&(Field, String)> = rows.iter().map(|(t, _)| t).filter(|t| !words.contains_key(*t)).collect();
    new.sort();
    new.dedup();
    let mut numbers = Vec::new();
    for part in new.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO word (field, value) ");
        sql.push_values(part, |mut row, (field, value)| {
            row.push_bind(*field as i64).push_bind(value);
        });
        // An update that changes nothing, so that the number of a known word is given as well.
        sql.push(" ON CONFLICT (field, value) DO UPDATE SET field = excluded.field RETURNING id, field, value");
        for row in sql.build().fetch_all(&mut *work).await? {
            let (id, field, value): (i64, i64, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            numbers.extend(Field::ALL.into_iter().find(|f| *f as i64 == field).map(|field| ((field, value), id)));
        }
    }
    words.extend(numbers);
    for part in rows.chunks(ROWS) {
        let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO term (word, idx) ");
        sql.push_values(part, |mut row, (term, index)| {
            row.push_bind(words.get(term).copied().unwrap_or(0)).push_bind(signed(*index));
        });
        sql.build().execute(&mut *work).await?;
    }
    Ok(())
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn unsigned(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
