//! Requests put together again: for a breach assessment, and for the accounting of a patient's disclosures.

use super::search::Wanted;
use super::{Admin, AdminError, By};
use futures_util::TryStreamExt as _;
use medlock_audit::Kind;
use medlock_auth::AdminAction;
use medlock_domain::{PatientRef, RequestId};
use medlock_review::requests::{Request, Requests, summary};
use medlock_review::{Field, Order, Query};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use zeroize::Zeroizing;

/// Requests in one report.
const MOST: usize = 100_000;
/// Values of one filter.
const AT_ONCE: usize = 100;
/// Patients asked for at once.
const PATIENTS: usize = 10_000;

/// In which states patients live. As text: lines of patient, comma, state.
#[derive(Default)]
pub struct States(Vec<(PatientRef, String)>);

impl FromStr for States {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let line = |line: &str| {
            let (patient, state) = line.rsplit_once(',')?;
            let state = state.trim();
            let word = (1..=32).contains(&state.len()) && state.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
            Some((patient.trim().parse().ok()?, word.then(|| state.to_owned())?))
        };
        let lines: Option<Vec<_>> = text.lines().filter(|l| !l.trim().is_empty()).map(line).collect();
        match lines {
            Some(lines) if lines.len() <= PATIENTS => Ok(Self(lines)),
            Some(_) => Err("at most 10,000 patients: give those concerned"),
            None => Err("lines of patient, comma, state"),
        }
    }
}

impl States {
    /// As [`FromStr`] takes it.
    pub fn to_text(&self) -> Zeroizing<String> {
        let line = |(patient, state): &(PatientRef, String)| format!("{},{state}\n", patient.canonical());
        Zeroizing::new(self.0.iter().map(line).collect())
    }
}

impl Admin {
    /// The requests that entries with these filters belong to, and the answers to the questions of a breach
    /// assessment about them. `states` gives the state that a patient lives in: 164.406 and 164.408 count by it.
    pub async fn reconstruct(
        &self,
        by: By<'_>,
        filters: &[(String, String)],
        states: &States,
    ) -> Result<Value, AdminError> {
        let requests = self.requests(by, filters, "reconstruct").await?;
        let mut value = json!({
            "schema": "medlock reconstruction 1",
            "summary": summary(&requests),
            "requests": requests.iter().map(Request::to_json).collect::<Vec<_>>(),
        });
        if !states.0.is_empty() {
            value["summary"]["individuals_by_state"] = json!(self.by_state(&requests, states).await?);
        }
        Ok(value)
    }

    /// The disclosures of a patient that have to be accounted for (164.528), or with `all` everything that was asked
    /// about them.
    pub async fn disclosures(&self, by: By<'_>, patient: &PatientRef, all: bool) -> Result<Value, AdminError> {
        let filters = [("patient".to_owned(), patient.canonical().to_owned())];
        let mut requests = self.requests(by, &filters, "disclosures").await?;
        let looked_at = requests.len();
        requests.retain(|r| all || r.is_accountable());
        Ok(json!({
            "schema": "medlock accounting of disclosures 1",
            "summary": {
                "requests_about_the_patient": looked_at, "listed": requests.len(),
                "not_listed": "uses for treatment, payment, operations or the patient, inside this entity \
                               (164.528(a)(1)); requests that went to no model, or to our own and gave nothing",
            },
            "requests": requests.iter().map(Request::to_json).collect::<Vec<_>>(),
        }))
    }

    async fn requests(
        &self,
        by: By<'_>,
        filters: &[(String, String)],
        verb: &'static str,
    ) -> Result<Vec<Request>, AdminError> {
        let permit = self.permit_alone(by, &[AdminAction::AuditRead], verb).await?;
        let filters = &self.with_ids(filters).await?;
        let wanted = Wanted::of(filters)?;
        let entry = wanted.note(by.entry(Kind::LogRead, permit.action(), verb), filters);
        self.log.append(entry).await?;
        let mut ids = BTreeSet::<RequestId>::new();
        let mut entries = self.entries(wanted.query).await?;
        while let Some(entry) = entries.try_next().await? {
            ids.extend(entry.request);
            if ids.len() > MOST {
                return Err(AdminError::Refused(format!("more than {MOST} requests: narrow it, such as by time")));
            }
        }
        let mut requests = Requests::up_to(MOST);
        for part in ids.into_iter().collect::<Vec<_>>().chunks(AT_ONCE) {
            let values = part.iter().map(RequestId::as_str).collect::<Vec<_>>().join(",");
            let query = Query::new().with(Field::Request, &values).map_err(|e| AdminError::Refused(e.to_string()))?;
            let mut entries = self.entries(query.order(Order::Oldest)).await?;
            while let Some(entry) = entries.try_next().await? {
                requests.take(&entry);
            }
        }
        Ok(requests.into_sorted())
    }

    async fn by_state(
        &self,
        requests: &[Request],
        States(states): &States,
    ) -> Result<BTreeMap<String, u64>, AdminError> {
        let all: BTreeSet<_> = requests.iter().flat_map(|r| &r.patients).collect();
        let (mut counts, mut known) = (BTreeMap::new(), BTreeSet::new());
        for (patient, state) in states {
            let found = self.patient_id(patient).await?;
            if let Some(id) = found.filter(|id| all.contains(id))
                && known.insert(id)
            {
                *counts.entry(state.clone()).or_insert(0) += 1;
            }
        }
        counts.insert("unknown".to_owned(), (all.len() - known.len()) as u64);
        Ok(counts)
    }
}
