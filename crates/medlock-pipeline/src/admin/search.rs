//! Searching the audit log: who looked for what is itself a record.

use super::content::unfindable;
use super::{Admin, AdminError, By};
use medlock_audit::{Entry, Kind};
use medlock_auth::AdminAction;
use medlock_domain::{BadPatient, HolderId, PatientRef, Timestamp};
use medlock_review::{BadQuery, Cursor, Order, Query};

/// Some entries that were found, as JSON, and where to go on.
#[derive(Debug)]
pub struct FoundEntries {
    /// The entries.
    pub entries: Vec<serde_json::Map<String, serde_json::Value>>,
    /// The cursor of the next page, if there is one.
    pub next: Option<String>,
}

impl Admin {
    /// Entries of the log that all of `filters` (name and value) hold of; the names are those of
    /// `medlock audit search`, with `order` (`newest`, `oldest`), `limit` and `cursor`. That it was
    /// looked for is a record, before the answer.
    pub async fn search(&self, by: By<'_>, filters: &[(String, String)]) -> Result<FoundEntries, AdminError> {
        let permit = self.permit_alone(by, &[AdminAction::AuditRead], "search").await?;
        let filters = &self.with_ids(filters).await?;
        let wanted = Wanted::of(filters)?;
        let entry = wanted.note(by.entry(Kind::LogRead, permit.action(), "search"), filters);
        self.log.append(entry).await?;
        let index = self.index()?;
        let found = async {
            index.catch_up().await?;
            index.search(&wanted.query, wanted.cursor, wanted.limit).await
        };
        let page = found.await.map_err(unfindable)?;
        let next = page.next.map(|cursor| cursor.to_string());
        Ok(FoundEntries { entries: page.entries.iter().map(medlock_review::to_json).collect(), next })
    }

    /// The filters with the patient as records name them: nothing that identifies one goes further than this.
    pub(super) async fn with_ids(&self, filters: &[(String, String)]) -> Result<Vec<(String, String)>, AdminError> {
        let mut all = Vec::with_capacity(filters.len());
        for (name, value) in filters {
            let known = || value.split(',').all(|id| id.parse::<HolderId>().is_ok());
            if name != "patient" || known() {
                all.push((name.clone(), value.clone()));
                continue;
            }
            let patient: PatientRef = value.parse().map_err(|e: BadPatient| AdminError::Refused(e.to_string()))?;
            // Nobody's id: nothing is found, and that it was looked for is a record like any other.
            let id = self.patient_id(&patient).await?.unwrap_or_else(|| HolderId::from_random([0; 16]));
            all.push((name.clone(), id.to_string()));
        }
        Ok(all)
    }
}

/// What a search asks for.
pub(super) struct Wanted<'f> {
    pub(super) query: Query,
    cursor: Option<Cursor>,
    limit: usize,
    /// The ids that were looked for, which say whose trail was read.
    about: Option<&'f str>,
}

impl<'f> Wanted<'f> {
    /// What was looked for, in a record.
    pub(super) fn note(&self, entry: Entry, filters: &[(String, String)]) -> Entry {
        let names = filters.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(",");
        let entry = entry.word("filters", &names);
        match self.about {
            Some(about) => entry.word("looked_for", about),
            None => entry,
        }
    }

    pub(super) fn of(filters: &'f [(String, String)]) -> Result<Self, AdminError> {
        let refused = |what: &str| AdminError::Refused(what.to_owned());
        let mut wanted = Self { query: Query::new(), cursor: None, limit: 50, about: None };
        for (at, (name, value)) in filters.iter().enumerate() {
            if filters[..at].iter().any(|(earlier, _)| earlier == name) {
                return Err(AdminError::Refused(format!("{name} is given twice; separate values with commas")));
            }
            let time = || Timestamp::parse_rfc3339(value).ok_or_else(|| refused("a time is RFC 3339, or a day"));
            match name.as_str() {
                "since" => wanted.query = wanted.query.since(time()?),
                "until" => wanted.query = wanted.query.until(time()?),
                "order" => {
                    wanted.query = wanted.query.order(match value.as_str() {
                        "newest" => Order::Newest,
                        "oldest" => Order::Oldest,
                        _ => return Err(refused("order is newest or oldest")),
                    });
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|n| (1..=1000).contains(n));
                    wanted.limit = limit.ok_or_else(|| refused("limit is a number from 1 to 1000"))?;
                }
                "cursor" => {
                    wanted.cursor = Some(value.parse().map_err(|e: BadQuery| AdminError::Refused(e.to_string()))?);
                }
                _ => {
                    if matches!(name.as_str(), "who" | "about" | "patient" | "request" | "id") {
                        wanted.about = Some(value);
                    }
                    let query = wanted.query.named(name, value);
                    wanted.query = query.map_err(|e| AdminError::Refused(e.to_string()))?;
                }
            }
        }
        Ok(wanted)
    }
}
