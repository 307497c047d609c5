//! From texts to a set that may decide. Everything that is wrong is reported together.

use super::request::Decisions;
use super::slice::Slices;
use super::{Found, PolicyText};
use crate::error::{AuthError, PolicyMistake};
use cedar_policy::{Authorizer, Entities, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use medlock_domain::RoleName;
use medlock_keys::digest::{Digest, Sha256};
use miette::Diagnostic;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::str::FromStr;

const SCHEMA: &str = include_str!("../../policies/schema.cedarschema");

/// A validated set of policies, of one generation.
pub(crate) struct Loaded {
    pub(crate) set: PolicySet,
    pub(crate) schema: Schema,
    /// The entities that every decision needs: the schema's actions.
    pub(crate) base: Entities,
    pub(crate) authorizer: Authorizer,
    pub(crate) digest: Digest,
    pub(crate) epoch: u64,
    /// As which they are signed.
    pub(crate) version: Option<u64>,
    /// The roles that policies speak of.
    pub(crate) roles: BTreeSet<RoleName>,
    /// Whether a policy speaks of where a request comes from.
    pub(crate) sees_network: bool,
    /// Whether one speaks of classes of identifiers.
    pub(crate) sees_class: bool,
    /// Whether one speaks of the time.
    pub(crate) sees_time: bool,
    /// The networks that they speak of, each by its first and last address.
    pub(crate) networks: BTreeSet<IpAddr>,
    /// Of them, those that can apply to a question.
    pub(crate) slices: Slices,
    /// What has been decided under it.
    pub(crate) decisions: Decisions,
    /// Whether a policy prefers its mode to `tokenize`.
    pub(crate) prefers: bool,
}

impl Loaded {
    /// As they were found.
    pub(crate) fn of(found: &Found, epoch: u64) -> Result<Loaded, AuthError> {
        let loaded = Self::new(&found.texts, epoch).map_err(AuthError::Policy)?;
        Ok(Self { version: found.signed.map(|signed| signed.version), ..loaded })
    }

    /// All or nothing.
    pub(crate) fn new(texts: &[PolicyText], epoch: u64) -> Result<Loaded, Vec<PolicyMistake>> {
        let own = |what: String| vec![PolicyMistake { file: "schema.cedarschema".into(), line: None, what }];
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA).map_err(|e| own(e.to_string()))?;
        let base = Entities::from_entities([], Some(&schema)).map_err(|e| own(e.to_string()))?;
        let mut reading = Reading::default();
        texts.iter().for_each(|t| reading.text(t));
        reading.validate(&schema);
        if reading.set.num_of_policies() == 0 && reading.mistakes.is_empty() {
            let what = "there is no policy, so nothing would be permitted".to_string();
            reading.mistakes.push(PolicyMistake { file: "policies".into(), line: None, what });
        }
        let Reading { set, roles, mistakes, .. } = reading;
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let prefers = set.policies().any(|p| p.annotation("preferred").is_some());
        // Of the policies as they were understood: their texts may spell the words in other ways.
        let understood: Vec<_> = set.policies().map(Policy::to_json).collect();
        let sees =
            |word: &str| understood.iter().any(|p| p.as_ref().map_or(true, |json| json.to_string().contains(word)));
        let sees_class = sees("\"class\"");
        let (sees_network, sees_time) = (sees("\"network\""), sees("\"hour\"") || sees("\"weekday\""));
        let mut networks = BTreeSet::new();
        understood.iter().flatten().for_each(|json| addresses(json, &mut networks));
        let (digest, authorizer, decisions) = (Self::digest_of(texts), Authorizer::new(), Decisions::default());
        Ok(Loaded {
            set,
            schema,
            base,
            authorizer,
            digest,
            epoch,
            version: None,
            roles,
            sees_network,
            sees_class,
            sees_time,
            networks,
            slices: Slices::default(),
            decisions,
            prefers,
        })
    }

    /// SHA-256 over the schema and these.
    pub(crate) fn digest_of(texts: &[PolicyText]) -> Digest {
        let mut hash = Sha256::new();
        let own = [("schema.cedarschema", SCHEMA)];
        for (name, text) in own.into_iter().chain(texts.iter().map(|t| (t.name.as_str(), t.text.as_str()))) {
            for part in [name, text] {
                hash.update(&(part.len() as u64).to_be_bytes());
                hash.update(part.as_bytes());
            }
        }
        hash.finish()
    }
}

#[derive(Default)]
struct Reading<'a> {
    set: PolicySet,
    from: HashMap<String, &'a PolicyText>,
    roles: BTreeSet<RoleName>,
    mistakes: Vec<PolicyMistake>,
}

impl<'a> Reading<'a> {
    fn text(&mut self, text: &'a PolicyText) {
        let parsed = match PolicySet::from_str(&text.text) {
            Ok(set) => set,
            Err(errors) => {
                for e in errors.iter() {
                    let line = line(text, e);
                    self.mistake(text, line, e.to_string());
                }
                return;
            }
        };
        if parsed.num_of_templates() > 0 {
            self.mistake(text, None, "a template (?principal, ?resource) has nothing to fill it: write a role".into());
        }
        for policy in parsed.policies() {
            if let Err(what) = self.policy(text, policy) {
                self.mistake(text, None, what);
            }
        }
    }

    /// A policy goes by its `@id`, because that is what records say.
    fn policy(&mut self, text: &'a PolicyText, policy: &Policy) -> Result<(), String> {
        let id = policy.annotation("id").ok_or_else(|| format!("{} has no @id(\"…\")", nth(policy)))?;
        let word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
        if id.is_empty() || id.len() > 64 || !id.bytes().all(word) {
            return Err(format!("the @id of {} is not 1 to 64 of a-z 0-9 -", nth(policy)));
        }
        if let Some((key, _)) = policy.annotations().find(|(k, _)| !ANNOTATIONS.contains(k)) {
            // An obligation that is misspelt would silently not be met.
            return Err(format!("{id}: no annotation @{key}; there are {}", ANNOTATIONS.join(", ")));
        }
        if policy.annotation("restore_tools").is_some_and(|t| tools(t).any(|t| !tool(t))) {
            return Err(format!("{id}: @restore_tools is a list of tool names, A-Z a-z 0-9 _ -, with commas between"));
        }
        for literal in policy.entity_literals() {
            match literal.type_name().to_string().as_str() {
                "Medlock::Role" => {
                    let name: &str = literal.id().unescaped();
                    let role = name.parse().map_err(|_| format!("{id}: a role is 1 to 32 of a-z 0-9 -"))?;
                    self.roles.insert(role);
                }
                "Medlock::Person" | "Medlock::Machine" => {
                    return Err(format!("{id}: it names a person or a key; policies name roles: make one for them"));
                }
                _ => {}
            }
        }
        if self.from.contains_key(id) {
            return Err(format!("{id}: another policy has this @id"));
        }
        self.from.insert(id.to_string(), text);
        self.set.add(policy.new_id(PolicyId::new(id))).map_err(|e| format!("{id}: {e}"))
    }

    fn validate(&mut self, schema: &Schema) {
        let validated = Validator::new(schema.clone()).validate(&self.set, ValidationMode::Strict);
        for e in validated.validation_errors() {
            let text = self.from.get(AsRef::<str>::as_ref(e.policy_id())).copied();
            match text {
                Some(text) => {
                    let line = line(text, e);
                    let help = e.help().map(|h| format!(" ({h})")).unwrap_or_default();
                    self.mistake(text, line, format!("{e}{help}"));
                }
                None => self.mistakes.push(PolicyMistake { file: "policies".into(), line: None, what: e.to_string() }),
            }
        }
    }

    fn mistake(&mut self, text: &PolicyText, line: Option<usize>, what: String) {
        self.mistakes.push(PolicyMistake { file: text.name.clone(), line, what });
    }
}

/// The first and the last address of each network that a policy writes down.
fn addresses(json: &serde_json::Value, found: &mut BTreeSet<IpAddr>) {
    match json {
        serde_json::Value::String(text) => found.extend(ends(text).into_iter().flatten()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| addresses(item, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| addresses(value, found)),
        _ => {}
    }
}

fn ends(text: &str) -> Option<[IpAddr; 2]> {
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    let (address, bits) = (address.parse().ok()?, bits.map(str::parse::<u32>).transpose().ok()?);
    Some(match address {
        IpAddr::V4(first) => {
            let hosts = u32::MAX.checked_shr(bits.unwrap_or(32)).unwrap_or(0);
            [first.into(), std::net::Ipv4Addr::from(u32::from(first) | hosts).into()]
        }
        IpAddr::V6(first) => {
            let hosts = u128::MAX.checked_shr(bits.unwrap_or(128)).unwrap_or(0);
            [first.into(), std::net::Ipv6Addr::from(u128::from(first) | hosts).into()]
        }
    })
}

/// The annotations that mean something here. `preferred`: this mode before `tokenize`, when the
/// caller asks for none. `restore_tools`: identifiers may go back into these tools' arguments.
const ANNOTATIONS: [&str; 3] = ["id", "preferred", "restore_tools"];

pub(crate) fn tools(annotation: &str) -> impl Iterator<Item = &str> {
    annotation.split(',').map(str::trim)
}

fn tool(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    !name.is_empty() && name.len() <= 64 && name.bytes().all(word)
}

/// "policy 3", as Cedar counts them in a text.
fn nth(policy: &Policy) -> String {
    let id: &str = policy.id().as_ref();
    match id.strip_prefix("policy").and_then(|n| n.parse::<usize>().ok()) {
        Some(n) => format!("policy {}", n + 1),
        None => "a policy".into(),
    }
}

fn line(text: &PolicyText, mistake: &dyn Diagnostic) -> Option<usize> {
    let offset = mistake.labels()?.next()?.offset();
    Some(text.text.as_bytes().get(..offset)?.iter().filter(|b| **b == b'\n').count() + 1)
}
