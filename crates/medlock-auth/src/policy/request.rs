//! A request to a model: for which purpose, with which protection, and whether what was hidden may come back.

use super::{Action, Case, Loaded, Verdict, When, Who};
use crate::permit::{Ask, ChatAction, Denied, DenyCode, Relation};
use medlock_domain::{ModelName, NetworkSource, PhiClass, PhiClasses, Protection, ProtectionMode, Purpose, RoleName};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{PoisonError, RwLock};

/// What the policies give.
#[derive(Debug, Clone)]
pub(crate) struct Decided {
    pub(crate) purpose: Purpose,
    pub(crate) protection: Protection,
    /// Whether, and into which tools' arguments.
    pub(crate) restore: Verdict,
    /// The `@id` of each that decided, sorted.
    pub(crate) policies: Vec<String>,
}

/// Asks them, or remembers what they said: policies are deterministic, and name no person and no key, so that everybody
/// who is alike to them is told the same.
pub(crate) fn decide(loaded: &Loaded, who: &Who<'_>, ask: &Ask) -> Result<Decided, Denied> {
    let mut alike = (Asked::of(who, ask), who.fresh);
    if !loaded.sees_network {
        alike.0.from = NetworkSource(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }
    if !loaded.sees_time {
        alike.0.when = When::SOME;
    }
    if let Some(decided) = loaded.decisions.get(&alike) {
        return decided;
    }
    let decided = evaluate(loaded, who, ask);
    loaded.decisions.keep(alike, decided.clone());
    decided
}

/// What was decided under one generation of policies, of requests that are alike.
#[derive(Default)]
pub(crate) struct Decisions(RwLock<HashMap<(Asked, bool), Result<Decided, Denied>>>);

impl Decisions {
    /// Full, it is begun anew: whoever fills it (by asking from many networks) only makes others wait for Cedar.
    const MOST: usize = 4096;

    fn get(&self, alike: &(Asked, bool)) -> Option<Result<Decided, Denied>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(alike).cloned()
    }

    fn keep(&self, alike: (Asked, bool), decided: Result<Decided, Denied>) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= Self::MOST {
            all.clear();
        }
        all.insert(alike, decided);
    }
}

fn evaluate(loaded: &Loaded, who: &Who<'_>, ask: &Ask) -> Result<Decided, Denied> {
    let about = Some((&ask.model, ask.model_local));
    let case = Case::new(loaded, who, about).ok_or_else(|| denied(DenyCode::PolicyDenied))?;
    // A model that a policy hides does not exist, whatever else is wrong with the request.
    let listed = case.ask(Action::ModelsList, None);
    if !listed.allowed && !listed.policies.is_empty() {
        return Err(Denied { code: DenyCode::ModelNotAllowed, policies: listed.policies });
    }
    let purpose = purpose(&case, who, ask, loaded.prefers)?;
    let (mode, chat) = mode(&case, ask, purpose, loaded.prefers).map_err(|policies| {
        let were = |who: Who<'_>| {
            let case = Case::new(loaded, &who, about);
            case.is_some_and(|case| mode(&case, ask, purpose, loaded.prefers).is_ok())
        };
        let code = match with_factor(&case, who, ask, purpose) {
            true => DenyCode::MfaRequired,
            false if purpose == Purpose::Emergency && were(Who { emergency: true, ..*who }) => {
                DenyCode::BreakGlassRequired
            }
            false if were(Who { relation: Relation::Related, ..*who }) => DenyCode::PatientScopeRequired,
            false => DenyCode::PolicyDenied,
        };
        Denied { code, policies }
    })?;
    let identified = match mode {
        ProtectionMode::Identified => classes(&case, Action::Chat(mode), purpose),
        _ => PhiClasses::ALL,
    };
    // Only placeholders and stand-ins can be turned back.
    let restore = match mode {
        ProtectionMode::Tokenize | ProtectionMode::Surrogate => case.ask(Action::Restore, Some(purpose)),
        ProtectionMode::Identified if identified != PhiClasses::ALL => case.ask(Action::Restore, Some(purpose)),
        _ => Verdict::default(),
    };
    let restore = if restore.allowed { restore } else { Verdict::default() };
    let restored = if restore.allowed { classes(&case, Action::Restore, purpose) } else { PhiClasses::ALL };
    let protection = Protection { mode, identified, restored };
    let mut policies = [chat.policies, restore.policies.clone()].concat();
    policies.sort();
    policies.dedup();
    Ok(Decided { purpose, protection, restore, policies })
}

/// The classes of identifiers for which this is permitted.
fn classes(case: &Case<'_>, action: Action, purpose: Purpose) -> PhiClasses {
    if !case.sees_class() {
        return PhiClasses::ALL;
    }
    PhiClass::ALL.into_iter().filter(|class| case.ask_of(action, purpose, *class).allowed).collect()
}

/// All that policies see of a request to a model: its record has it, so that others can be asked about it later.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    program: bool,
    roles: Vec<RoleName>,
    purposes: Vec<Purpose>,
    mfa: bool,
    from: NetworkSource,
    when: When,
    emergency: bool,
    relation: Relation,
    model: ModelName,
    local: bool,
    purpose: Option<Purpose>,
    at_least: Option<ProtectionMode>,
}

impl Asked {
    pub(crate) fn of(who: &Who<'_>, ask: &Ask) -> Self {
        Self {
            program: !who.person,
            roles: who.roles.to_vec(),
            purposes: who.purposes.to_vec(),
            mfa: who.mfa,
            from: who.from,
            when: who.when,
            emergency: who.emergency,
            relation: ask.relation,
            model: ask.model.clone(),
            local: ask.model_local,
            purpose: ask.purpose,
            at_least: ask.at_least,
        }
    }

    /// The words of its record.
    pub fn words(&self) -> Vec<(&'static str, String)> {
        let mut facts = vec![
            ("model", self.model.to_string()),
            ("roles", self.roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(",")),
            ("from", self.from.0.to_string()),
            ("when", self.when.to_string()),
        ];
        if self.program {
            let purposes = self.purposes.iter().map(|p| p.as_str()).collect::<Vec<_>>().join(",");
            facts.push(("key_purposes", purposes));
        }
        if self.relation != Relation::Unasked {
            facts.push(("relation", self.relation.as_str().to_owned()));
        }
        facts.extend(self.purpose.map(|p| ("asked_purpose", p.as_str().to_owned())));
        facts.extend(self.at_least.map(|m| ("asked_mode", m.as_str().to_owned())));
        facts
    }

    /// The numbers of its record: each 0 or 1.
    pub fn numbers(&self) -> [(&'static str, i64); 3] {
        [
            ("model_local", i64::from(self.local)),
            ("mfa", i64::from(self.mfa)),
            ("in_emergency", i64::from(self.emergency)),
        ]
    }

    /// Back from the facts of a record; `None` of one that does not have them all.
    pub fn from_facts<'a>(fact: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        fn list<T: std::str::FromStr>(text: &str) -> Option<Vec<T>> {
            text.split(',').filter(|s| !s.is_empty()).map(|s| s.parse().ok()).collect()
        }
        let maybe = |name| fact(name).map_or(Some(None), |text: &str| text.parse().ok().map(Some));
        let mode = fact("asked_mode").map_or(Some(None), |text: &str| text.parse().ok().map(Some));
        let key_purposes = fact("key_purposes");
        Some(Self {
            program: key_purposes.is_some(),
            roles: list(fact("roles")?)?,
            purposes: key_purposes.map_or_else(|| Some(Purpose::ALL.to_vec()), list)?,
            mfa: fact("mfa")? == "1",
            from: NetworkSource(fact("from")?.parse().ok()?),
            when: fact("when")?.parse().ok()?,
            emergency: fact("in_emergency")? == "1",
            relation: fact("relation").map_or(Some(Relation::Unasked), |word| word.parse().ok())?,
            model: fact("model")?.parse().ok()?,
            local: fact("model_local")? == "1",
            purpose: maybe("asked_purpose")?,
            at_least: mode?,
        })
    }

    /// Who asked, in words that are the same for all who are alike to policies.
    pub fn who(&self) -> String {
        let roles = self.roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join("+");
        format!("{roles}, {}", if self.program { "key" } else { "person" })
    }

    pub(crate) fn decide(&self, loaded: &Loaded) -> Result<Decided, Denied> {
        let who = Who {
            id: if self.program { "key_asked" } else { "usr_asked" },
            person: !self.program,
            roles: &self.roles,
            purposes: &self.purposes,
            mfa: self.mfa,
            fresh: false,
            approved: false,
            from: self.from,
            when: self.when,
            emergency: self.emergency,
            relation: self.relation,
        };
        let ask = Ask {
            action: ChatAction::Chat,
            model: self.model.clone(),
            model_local: self.local,
            purpose: self.purpose,
            at_least: self.at_least,
            patient: None,
            relation: self.relation,
        };
        decide(loaded, &who, &ask)
    }
}

fn denied(code: DenyCode) -> Denied {
    Denied { code, policies: Vec::new() }
}

/// The purpose that the caller names, if it is one of theirs, or the only one that there can be.
fn purpose(case: &Case<'_>, who: &Who<'_>, ask: &Ask, prefers: bool) -> Result<Purpose, Denied> {
    if let Some(named) = ask.purpose {
        return if who.purposes.contains(&named) { Ok(named) } else { Err(denied(DenyCode::PolicyDenied)) };
    }
    if let [only] = who.purposes {
        return Ok(*only);
    }
    let mut possible = who.purposes.iter().filter(|u| mode(case, ask, **u, prefers).is_ok());
    match (possible.next(), possible.next()) {
        (Some(only), None) => Ok(*only),
        (Some(_), Some(_)) => Err(denied(DenyCode::PurposeRequired)),
        (None, _) => {
            let mfa = who.purposes.iter().any(|u| with_factor(case, who, ask, *u));
            let policies = who.purposes.first().and_then(|u| mode(case, ask, *u, prefers).err()).unwrap_or_default();
            let code = if mfa { DenyCode::MfaRequired } else { DenyCode::PolicyDenied };
            Err(Denied { code, policies })
        }
    }
}

/// The modes that the caller accepts, the first to be tried first. Stand-ins show the model more than
/// placeholders: who does not ask for them gets them only where a policy prefers them.
fn acceptable(ask: &Ask) -> impl Iterator<Item = ProtectionMode> {
    let least = ask.at_least.unwrap_or(ProtectionMode::Tokenize);
    ProtectionMode::ALL.into_iter().filter(move |m| *m >= least && (*m != ProtectionMode::Surrogate || *m == least))
}

/// The first mode that is permitted, with the policies that did; else those that forbade.
fn mode(case: &Case<'_>, ask: &Ask, purpose: Purpose, prefers: bool) -> Result<(ProtectionMode, Verdict), Vec<String>> {
    let ask_for = |m: ProtectionMode| {
        let mut verdict = case.ask(Action::Chat(m), Some(purpose));
        // Of no class, it is no `identified`.
        verdict.allowed &= m != ProtectionMode::Identified || !classes(case, Action::Chat(m), purpose).is_empty();
        (m, verdict)
    };
    if prefers && ask.at_least.is_none() {
        let preferred = ProtectionMode::ALL.into_iter().map(ask_for).find(|(_, v)| v.allowed && v.preferred);
        if let Some(found) = preferred {
            return Ok(found);
        }
    }
    let mut forbade = Vec::new();
    for (m, verdict) in acceptable(ask).map(ask_for) {
        if verdict.allowed {
            return Ok((m, verdict));
        }
        forbade.extend(verdict.policies);
    }
    forbade.sort();
    forbade.dedup();
    Err(forbade)
}

/// Whether a second factor is all that is missing.
fn with_factor(case: &Case<'_>, who: &Who<'_>, ask: &Ask, purpose: Purpose) -> bool {
    !who.mfa && who.person && acceptable(ask).any(|m| case.ask_with(Action::Chat(m), Some(purpose), true).allowed)
}
