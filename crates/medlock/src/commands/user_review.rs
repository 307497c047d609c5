//! `medlock user review`: who has what access, what of it was used, and what could go (45 CFR 164.308(a)(4)(ii)(C)).

use super::Context;
use super::audit_search::time;
use super::policy::{source, trial};
use crate::admin::{KeyView, Office, UserView};
use crate::clock::SystemClock;
use crate::failure::Failure;
use crate::terminal::Terminal;
use medlock_auth::{Question, Relation, Trial};
use medlock_domain::{Clock as _, Purpose, RoleName, Timestamp};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What somebody did, as far as policies tell it apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Deed {
    action: String,
    purpose: Option<String>,
    local: bool,
    emergency: bool,
    relation: String,
}

/// What the log tells of somebody, or of a key.
#[derive(Default)]
struct Used {
    last_login: Option<String>,
    deeds: BTreeMap<Deed, u64>,
}

/// Something to be looked at, and how to mend it.
struct Finding {
    about: String,
    what: String,
    mend: String,
}

/// Who may do both may cover up what they did, or give themselves what they should not have.
const APART: [(&str, Option<Purpose>); 4] = [
    ("audit:review", None),
    ("audit:erase", None),
    ("audit:open-content", None),
    ("chat:tokenize", Some(Purpose::Treatment)),
];

pub(super) async fn run(since: &str, office: &Office, context: &Context) -> Result<(), Failure> {
    let since = time(since, "--since")?.rfc3339();
    let policies = trial(&source(None, context)?).await?;
    let mut used = BTreeMap::<String, Used>::new();
    let (people, keys) = (office.users().await?, office.keys().await?);
    let deeds = [("kind", "login_ok,permit,admin_outcome,log_read,content_read"), ("since", since.as_str())];
    office.each_entry(&deeds, |entry| take(entry, &mut used)).await?;

    let now = SystemClock.now();
    let keys: Vec<&KeyView> = keys.iter().filter(|k| is_alive(k, now)).collect();
    let mut findings = Vec::new();
    for person in people.iter().filter(|p| p.state != "disabled") {
        let own: Vec<&KeyView> = keys.iter().copied().filter(|k| k.owner == person.id).collect();
        of_person(person, &own, &used, &since, &policies, &mut findings)?;
    }
    for key in &keys {
        of_key(key, &used, &since, &mut findings);
    }
    show(context.terminal, &since, (&people, &keys), &used, &findings);
    match findings.len() {
        0 => Ok(()),
        n => Err(Failure::denied(format!("{n} things to look at"))),
    }
}

fn take(entry: &Map<String, Value>, used: &mut BTreeMap<String, Used>) {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let fact = |name: &str| entry["facts"].get(name).and_then(Value::as_str);
    let Some((_, who)) = text("actor").split_once(':') else { return };
    let of = used.entry(who.to_owned()).or_default();
    let deed = |action: String, purpose: Option<&str>| Deed {
        action,
        purpose: purpose.map(str::to_owned),
        local: fact("model_local") != Some("0"),
        emergency: fact("in_emergency") == Some("1"),
        relation: fact("relation").unwrap_or(Relation::Unasked.as_str()).to_owned(),
    };
    let deeds = match (text("kind"), fact("action")) {
        ("login_ok", _) => {
            of.last_login = Some(text("time").to_owned());
            return;
        }
        ("permit", _) => {
            let chat = deed(format!("chat:{}", fact("mode").unwrap_or_default()), fact("purpose"));
            let restore = (fact("restores") == Some("1")).then(|| deed("restore".to_owned(), fact("purpose")));
            [Some(chat), restore]
        }
        (_, Some(action)) => [Some(deed(action.to_owned(), None)), None],
        _ => return,
    };
    for deed in deeds.into_iter().flatten() {
        *of.deeds.entry(deed).or_default() += 1;
    }
}

fn is_alive(key: &KeyView, now: Timestamp) -> bool {
    key.revoked.is_none() && Timestamp::parse_rfc3339(&key.expires).is_none_or(|end| end > now)
}

fn of_person(
    person: &UserView,
    keys: &[&KeyView],
    used: &BTreeMap<String, Used>,
    since: &str,
    policies: &Trial,
    findings: &mut Vec<Finding>,
) -> Result<(), Failure> {
    let name = &person.username;
    let mut find = |what: String, mend: String| findings.push(Finding { about: name.clone(), what, mend });
    let bad = |_| Failure::error("the server named a role that is none");
    let roles: Vec<RoleName> = person.roles.iter().map(|r| r.parse()).collect::<Result<_, _>>().map_err(bad)?;
    let may = |roles: &[RoleName], action: &str, purpose: Option<Purpose>| {
        let asked = Question { roles: roles.to_vec(), action: action.to_owned(), purpose, ..Question::default() };
        policies.ask(&asked).is_ok_and(|answer| answer.allowed)
    };
    if may(&roles, "users:manage", None) {
        for (action, purpose) in APART.iter().filter(|(action, purpose)| may(&roles, action, *purpose)) {
            let of = purpose.map(|p| format!(" for {p}")).unwrap_or_default();
            find(
                format!("may do users:manage and {action}{of}: these do not belong together"),
                format!("medlock user set-roles {name} ROLE"),
            );
        }
    }
    let Some(did) = used.get(&person.id).filter(|u| u.last_login.is_some()) else {
        let keys_work = keys.iter().any(|k| k.last_used.as_deref().is_some_and(|at| at >= since));
        if person.created.as_str() < since && !keys_work {
            find("nobody logged in, and no key of theirs was used".to_owned(), format!("medlock user disable {name}"));
        }
        return Ok(());
    };
    if person.created.as_str() >= since {
        return Ok(()); // too new to say what they do not need
    }
    // What their keys do, they have to be allowed as well.
    let needed = |roles: &[RoleName]| {
        let for_keys = keys.iter().flat_map(|k| &k.roles).all(|r| roles.iter().any(|own| own.as_str() == r));
        for_keys && did.deeds.keys().all(|deed| permits(policies, roles, deed))
    };
    let mut least = roles.clone();
    for role in roles.iter().rev() {
        let without: Vec<RoleName> = least.iter().filter(|r| *r != role).cloned().collect();
        if !without.is_empty() && needed(&without) {
            least = without;
        }
    }
    if least.len() < roles.len() {
        let words = |roles: &[RoleName]| roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" ");
        let gone: Vec<RoleName> = roles.iter().filter(|r| !least.contains(r)).cloned().collect();
        find(
            format!("did nothing that takes the role {}", words(&gone)),
            format!("medlock user set-roles {name} {}", words(&least)),
        );
    }
    Ok(())
}

fn permits(policies: &Trial, roles: &[RoleName], deed: &Deed) -> bool {
    let question = Question {
        roles: roles.to_vec(),
        action: deed.action.clone(),
        purpose: deed.purpose.as_deref().and_then(|p| p.parse().ok()),
        local: deed.local,
        emergency: deed.emergency,
        relation: deed.relation.parse().unwrap_or(Relation::Unknown),
        ..Question::default()
    };
    // What policies do not speak of (any more) needs no role.
    policies.ask(&question).map_or(true, |answer| answer.allowed)
}

fn of_key(key: &KeyView, used: &BTreeMap<String, Used>, since: &str, findings: &mut Vec<Finding>) {
    let mut find = |what: String, mend: String| {
        findings.push(Finding { about: format!("{} ({})", key.id, key.name), what, mend });
    };
    if key.created.as_str() >= since {
        return;
    }
    if key.last_used.as_deref().is_none_or(|at| at < since) {
        find("was not used".to_owned(), format!("medlock token revoke {}", key.id));
        return;
    }
    let purposes: BTreeSet<&str> =
        used.get(&key.id).iter().flat_map(|u| u.deeds.keys()).filter_map(|d| d.purpose.as_deref()).collect();
    let idle: Vec<&str> = key.purposes.iter().map(String::as_str).filter(|p| !purposes.contains(p)).collect();
    if !idle.is_empty() && idle.len() < key.purposes.len() {
        let what = format!("was not used for {}", idle.join(", "));
        find(what, "make one without: medlock token create, then revoke this".to_owned());
    }
}

fn show(
    terminal: Terminal,
    since: &str,
    (people, keys): (&[UserView], &[&KeyView]),
    used: &BTreeMap<String, Used>,
    findings: &[Finding],
) {
    let did = |id: &str| {
        let deeds = used.get(id).map(|u| &u.deeds).into_iter().flatten();
        deeds.map(|(deed, n)| {
            let purpose = deed.purpose.as_ref().map(|p| format!(" for {p}")).unwrap_or_default();
            (format!("{}{purpose}", deed.action), *n)
        })
    };
    let login = |id: &str| used.get(id).and_then(|u| u.last_login.clone());
    if terminal.json {
        let acts = |id: &str| {
            let mut sums = BTreeMap::<String, u64>::new();
            did(id).for_each(|(what, n)| *sums.entry(what).or_default() += n);
            sums
        };
        terminal.json(json!({
            "since": since, "reviewed": SystemClock.now().rfc3339(),
            "people": people.iter().map(|p| json!({
                "id": p.id, "username": p.username, "roles": p.roles, "temporary_roles": p.temporary_roles, "state": p.state, "created": p.created,
                "last_login": login(&p.id), "did": acts(&p.id),
            })).collect::<Vec<_>>(),
            "keys": keys.iter().map(|k| json!({
                "id": k.id, "name": k.name, "owner": k.owner, "roles": k.roles, "purposes": k.purposes,
                "models": k.models, "networks": k.networks, "expires": k.expires, "last_used": k.last_used,
                "did": acts(&k.id),
            })).collect::<Vec<_>>(),
            "findings": findings.iter().map(|f| json!({"about": f.about, "what": f.what, "mend": f.mend})).collect::<Vec<_>>(),
        }));
        return;
    }
    let row = |p: &UserView| {
        vec![
            p.username.clone(),
            p.roles_now(),
            p.state.clone(),
            login(&p.id).unwrap_or_else(|| "-".to_owned()),
            did(&p.id).map(|(_, n)| n).sum::<u64>().to_string(),
        ]
    };
    terminal.table(&["NAME", "ROLES", "STATE", "LAST LOG-IN", "DID"], &people.iter().map(row).collect::<Vec<_>>());
    for Finding { about, what, mend } in findings {
        terminal.out(format!("{} since {since}: {what}\n  {}", terminal.bold(about), terminal.dim(mend)));
    }
    terminal.note(format!("{} people and {} keys were reviewed", people.len(), keys.len()));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_auth::{PolicySource, PolicyText};

    const SINCE: &str = "2026-11-01T00:00:00Z";

    fn person(roles: &[&str]) -> UserView {
        UserView {
            id: "usr_1".into(),
            username: "lee".into(),
            roles: roles.iter().map(|r| (*r).into()).collect(),
            temporary_roles: Vec::new(),
            state: "enabled".into(),
            factor: true,
            recovery_codes: 10,
            passkeys: 0,
            created: "2026-01-01T00:00:00Z".into(),
        }
    }

    fn key(purposes: &[&str]) -> KeyView {
        KeyView {
            id: "key_1".into(),
            name: "nightly".into(),
            prefix: String::new(),
            owner: "usr_1".into(),
            roles: vec!["service".into()],
            purposes: purposes.iter().map(|p| (*p).into()).collect(),
            models: Vec::new(),
            networks: Vec::new(),
            bound_to: None,
            created: "2026-01-01T00:00:00Z".into(),
            expires: "2027-01-01T00:00:00Z".into(),
            revoked: None,
            last_used: Some("2026-11-20T00:00:00Z".into()),
        }
    }

    fn did(who: &str, entries: &[Value]) -> BTreeMap<String, Used> {
        let mut used = BTreeMap::new();
        let login = json!({"kind": "login_ok", "actor": format!("person:{who}"), "time": "2026-11-20T00:00:00Z"});
        for entry in entries.iter().chain([&login]) {
            let mut entry = entry.as_object().unwrap().clone();
            entry.entry("actor").or_insert(format!("machine:{who}").into());
            entry.entry("facts").or_insert(json!({}));
            take(&entry, &mut used);
        }
        used
    }

    fn found(
        person: &UserView,
        keys: &[&KeyView],
        used: &BTreeMap<String, Used>,
        source: &PolicySource,
    ) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let policies = runtime.block_on(Trial::of(source)).unwrap();
        let mut findings = Vec::new();
        of_person(person, keys, used, SINCE, &policies, &mut findings).unwrap();
        keys.iter().for_each(|key| of_key(key, used, SINCE, &mut findings));
        findings.into_iter().map(|f| format!("{}: {}", f.what, f.mend)).collect()
    }

    #[test]
    fn rights_that_do_not_belong_together_are_found_as_policies_give_them() {
        let both = person(&["admin", "security-officer"]);
        let admin = json!({"kind": "admin_outcome", "actor": "person:usr_1", "facts": {"action": "users:manage"}});
        let officer = json!({"kind": "log_read", "actor": "person:usr_1", "facts": {"action": "audit:read"}});
        let used = did("usr_1", &[admin, officer]);
        assert!(found(&both, &[], &used, &PolicySource::Shipped).is_empty(), "those that are shipped forbid it");
        let own = r#"@id("all") permit (principal in Medlock::Role::"admin", action, resource);"#.to_owned();
        let source = PolicySource::Texts(vec![PolicyText { name: "own.cedar".into(), text: own }]);
        let together = found(&both, &[], &used, &source);
        assert_eq!(together.iter().filter(|f| f.contains("do not belong together")).count(), 4, "{together:#?}");
    }

    #[test]
    fn what_somebody_or_their_keys_did_is_what_they_need() {
        let lee = person(&["clinician", "researcher", "service"]);
        let asked = json!({"kind": "permit", "actor": "person:usr_1",
            "facts": {"mode": "redact", "purpose": "research", "model_local": "1"}});
        let used = did("usr_1", &[asked]);
        let (all, key) = (&PolicySource::Shipped, key(&["treatment"]));
        let by_itself = found(&lee, &[], &used, all);
        assert_eq!(
            by_itself,
            ["did nothing that takes the role clinician service: medlock user set-roles lee researcher"]
        );
        let with_key = found(&lee, &[&key], &used, all);
        assert_eq!(
            with_key,
            ["did nothing that takes the role clinician: medlock user set-roles lee researcher service"]
        );
    }

    #[test]
    fn a_key_is_found_by_the_purposes_that_it_was_not_used_for() {
        let (lee, key) = (person(&["service"]), key(&["treatment", "payment"]));
        let asked = json!({"kind": "permit", "facts": {"mode": "tokenize", "purpose": "treatment"}});
        let used = did("key_1", &[asked]);
        let found = found(&lee, &[&key], &used, &PolicySource::Shipped);
        assert!(found.len() == 1 && found[0].starts_with("was not used for payment"), "{found:#?}");
        let fresh = KeyView { created: "2026-11-02T00:00:00Z".into(), last_used: None, ..key };
        let mut findings = Vec::new();
        of_key(&fresh, &used, SINCE, &mut findings);
        assert!(findings.is_empty(), "too new to be judged");
    }
}
