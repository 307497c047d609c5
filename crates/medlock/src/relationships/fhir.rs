//! Asks a FHIR server: a search that finds something is a relationship. By POST, so that no patient stands in a URL, and
//! thus in somebody's log.

use crate::config::FhirSettings;
use crate::failure::{Doing, Failure};
use crate::https;
use medlock_domain::PatientRef;
use medlock_pipeline::Relationships;
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long a caller waits for the server.
const PATIENCE: Duration = Duration::from_secs(5);
/// What was not found is asked again soon: somebody may just have been admitted.
const NOT_FOUND: Duration = Duration::from_secs(10);
/// Answers that are remembered.
const MOST: usize = 4096;
/// Bytes of an answer: it is asked for one entry.
const MOST_BYTES: usize = 1 << 20;

/// What a search has to be.
pub(crate) const SEARCH: &str = "a FHIR search with {patient} and {person} in it, such as \"Encounter?status=in-progress&\
    subject:Patient.identifier={patient}&participant:Practitioner.identifier={person}\"";

/// What is searched for, such as `Encounter?status=in-progress&subject=Patient/{patient}&participant=Practitioner/{person}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Search {
    kind: String,
    terms: Vec<(String, String)>,
}

impl FromStr for Search {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (kind, terms) = text.split_once('?')?;
            let named = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphabetic());
            let terms: Vec<(String, String)> = form_urlencoded::parse(terms.as_bytes()).into_owned().collect();
            let has = |what: &str| terms.iter().any(|(_, value)| value.contains(what));
            (named && has("{patient}") && has("{person}")).then(|| Self { kind: kind.to_owned(), terms })
        };
        read().ok_or(SEARCH)
    }
}

impl fmt::Display for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let terms: Vec<String> = self.terms.iter().map(|(key, value)| format!("{key}={value}")).collect();
        write!(f, "{}?{}", self.kind, terms.join("&"))
    }
}

impl Search {
    fn form(&self, patient: &str, person: &str) -> Zeroizing<String> {
        // Room for all: growing would leave copies behind.
        let room = self.terms.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() * 3;
        let mut form =
            form_urlencoded::Serializer::new(String::with_capacity(room + 3 * (patient.len() + person.len()) + 64));
        for (key, value) in &self.terms {
            let value = Zeroizing::new(value.replace("{patient}", patient).replace("{person}", person));
            form.append_pair(key, &value);
        }
        Zeroizing::new(form.append_pair("_count", "1").finish())
    }
}

/// The server.
pub(super) struct Server {
    http: reqwest::Client,
    url: String,
    token: Option<Zeroizing<String>>,
    search: Search,
    remember: Duration,
    known: Mutex<HashMap<(String, PatientRef), (bool, Instant)>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    resource_type: String,
    r#type: String,
    #[serde(default)]
    entry: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    resource: Resource,
    #[serde(default)]
    search: Why,
}

/// Why it is in the answer: found (also when nothing is said), included beside, or a remark.
#[derive(Deserialize, Default)]
struct Why {
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    resource_type: String,
    /// What an OperationOutcome says.
    #[serde(default)]
    issue: Vec<Issue>,
}

#[derive(Deserialize)]
struct Issue {
    severity: String,
}

impl Server {
    pub(super) fn new(settings: &FhirSettings) -> Result<Self, Failure> {
        let ca = fs::read(&settings.ca).doing(format!("reading {}", settings.ca.display()))?;
        let http = https::trusting(&ca, PATIENCE).and_then(reqwest::ClientBuilder::build);
        let token =
            settings.token.as_ref().map(|token| token.read()).transpose().doing("reading patient.fhir.token")?;
        Ok(Self {
            http: http.doing("setting up the FHIR server")?,
            url: settings.url.trim_end_matches('/').to_owned(),
            token: token.map(|token| Zeroizing::new(token.trim().to_owned())),
            search: settings.search.clone(),
            remember: Duration::from_secs(60 * u64::from(settings.cache_minutes)),
            known: Mutex::default(),
        })
    }

    fn remembered(&self, pair: &(String, PatientRef)) -> Option<bool> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(pair).filter(|(_, until)| Instant::now() < *until).map(|(treats, _)| *treats)
    }

    fn remember(&self, pair: (String, PatientRef), treats: bool) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        let long = if treats { self.remember } else { self.remember.min(NOT_FOUND) };
        known.insert(pair, (treats, Instant::now() + long));
    }

    async fn ask(&self, patient: &str, person: &str) -> Result<bool, String> {
        let cause = |e: reqwest::Error| https::cause(&e.without_url());
        let request = self
            .http
            .post(format!("{}/{}/_search", self.url, self.search.kind))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/fhir+json")
            // A parameter that it does not know must not be passed over: the search would find more.
            .header("prefer", "handling=strict")
            .body(self.search.form(patient, person).to_string());
        let request = match &self.token {
            Some(token) => request.bearer_auth(token.as_str()),
            None => request,
        };
        let mut answer = request.send().await.map_err(cause)?;
        if answer.status() != 200 {
            return Err(format!("the FHIR server answered {}", answer.status()));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        while let Some(chunk) = answer.chunk().await.map_err(cause)? {
            if bytes.len() + chunk.len() > MOST_BYTES {
                return Err("the FHIR server's answer is too long".into());
            }
            bytes.extend_from_slice(&chunk);
        }
        self.found(&bytes)
    }

    /// Whether it is an answer to a search, and has what was searched for.
    fn found(&self, answer: &[u8]) -> Result<bool, String> {
        let bundle: Bundle = serde_json::from_slice(answer).map_err(|_| "the FHIR server's answer is no Bundle")?;
        if bundle.resource_type != "Bundle" || bundle.r#type != "searchset" {
            return Err("the FHIR server's answer is no result of a search".into());
        }
        let mut issues = bundle.entry.iter().flat_map(|entry| &entry.resource.issue);
        if issues.any(|issue| !matches!(issue.severity.as_str(), "information" | "success")) {
            return Err("the FHIR server did not search as it was asked to".into());
        }
        Ok(bundle.entry.iter().any(|entry| {
            entry.resource.resource_type == self.search.kind
                && matches!(entry.search.mode.as_deref(), None | Some("match"))
        }))
    }
}

#[async_trait::async_trait]
impl Relationships for Server {
    async fn treats(&self, [who, _]: &[String; 2], patient: &PatientRef) -> Result<bool, String> {
        let pair = (who.clone(), patient.clone());
        if let Some(known) = self.remembered(&pair) {
            return Ok(known);
        }
        let treats = self.ask(patient.canonical(), &pair.0).await?;
        self.remember(pair, treats);
        Ok(treats)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_search_names_both_and_quotes_them() {
        let search: Search =
            "Encounter?status=in-progress&subject=Patient/{patient}&participant=Practitioner/{person}".parse().unwrap();
        assert_eq!(
            search.form("4&status=x", "ada").as_str(),
            "status=in-progress&subject=Patient%2F4%26status%3Dx&participant=Practitioner%2Fada&_count=1"
        );
        for wrong in ["Encounter?subject={patient}", "Encounter", "?a={patient}&b={person}", "En/x?a={patient}{person}"]
        {
            assert!(wrong.parse::<Search>().is_err(), "{wrong}");
        }
    }

    fn server(minutes: u64) -> Server {
        let _already = medlock_gateway::provider().install_default();
        Server {
            http: reqwest::Client::new(),
            url: String::new(),
            token: None,
            search: "Encounter?subject={patient}&participant={person}".parse().unwrap(),
            remember: Duration::from_secs(60 * minutes),
            known: Mutex::default(),
        }
    }

    #[test]
    fn what_was_found_is_remembered_and_what_was_not_only_for_a_moment() {
        let (server, pair) = (server(5), |who: &str| (who.to_owned(), "48213377".parse::<PatientRef>().unwrap()));
        server.remember(pair("ada"), true);
        server.remember(pair("bob"), false);
        assert_eq!(["ada", "bob", "eve"].map(|who| server.remembered(&pair(who))), [Some(true), Some(false), None]);
        let until = |who: &str| server.known.lock().unwrap()[&pair(who)].1.duration_since(Instant::now());
        assert!(until("ada") > Duration::from_secs(240) && until("bob") <= NOT_FOUND);
        let forgetful = super::tests::server(0);
        forgetful.remember(pair("ada"), true);
        assert_eq!(forgetful.remembered(&pair("ada")), None);
        for _ in 0..2 {
            (0..MOST).for_each(|n| server.remember(pair(&format!("u{n}")), true));
        }
        assert!(server.known.lock().unwrap().len() <= MOST);
    }

    #[test]
    fn only_what_was_searched_for_is_a_relationship() {
        let found = |answer: &str| server(5).found(answer.as_bytes());
        let bundle = |entry: &str| format!(r#"{{"resourceType":"Bundle","type":"searchset","entry":[{entry}]}}"#);
        assert_eq!(found(&bundle(r#"{"resource":{"resourceType":"Encounter","id":"1"}}"#)), Ok(true));
        let mode = |mode: &str| {
            bundle(&format!(r#"{{"resource":{{"resourceType":"Encounter"}},"search":{{"mode":"{mode}"}}}}"#))
        };
        assert_eq!((found(&mode("match")), found(&mode("include"))), (Ok(true), Ok(false)));
        let remark = |severity: &str| {
            let outcome = format!(r#"{{"resourceType":"OperationOutcome","issue":[{{"severity":"{severity}"}}]}}"#);
            bundle(&format!(r#"{{"resource":{{"resourceType":"Encounter"}}}},{{"resource":{outcome}}}"#))
        };
        assert_eq!(found(&remark("information")), Ok(true));
        assert!(found(&remark("warning")).is_err(), "it may have passed over a part of the search");
        assert_eq!(found(r#"{"resourceType":"Bundle","type":"searchset","total":0}"#), Ok(false));
        for wrong in
            ["", "[]", r#"{"resourceType":"OperationOutcome"}"#, r#"{"resourceType":"Bundle","type":"history"}"#]
        {
            assert!(found(wrong).is_err(), "{wrong}");
        }
    }
}
