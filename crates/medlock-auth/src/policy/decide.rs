//! One question to the policies.

use super::When;
use super::load::{Loaded, tools};
use crate::permit::{AdminAction, Relation};
use cedar_policy::{
    Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request, RestrictedExpression,
};
use medlock_domain::{ModelName, NetworkSource, PhiClass, ProtectionMode, Purpose, RoleName};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::LazyLock;

/// What may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Chat(ProtectionMode),
    Restore,
    ModelsList,
    Login,
    Admin(AdminAction),
}

impl Action {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Chat(ProtectionMode::Identified) => "chat:identified",
            Self::Chat(ProtectionMode::Surrogate) => "chat:surrogate",
            Self::Chat(ProtectionMode::Tokenize) => "chat:tokenize",
            Self::Chat(ProtectionMode::Redact) => "chat:redact",
            Self::Chat(ProtectionMode::Block) => "chat:block",
            Self::Restore => "restore",
            Self::ModelsList => "models:list",
            Self::Login => "login",
            Self::Admin(a) => a.as_str(),
        }
    }
}

/// Who asks, as policies see it.
#[derive(Clone, Copy)]
pub(crate) struct Who<'a> {
    /// An id, which policies do not name.
    pub(crate) id: &'a str,
    pub(crate) person: bool,
    pub(crate) roles: &'a [RoleName],
    pub(crate) purposes: &'a [Purpose],
    pub(crate) mfa: bool,
    /// They have shown it within the last minutes.
    pub(crate) fresh: bool,
    /// Somebody else has approved of it.
    pub(crate) approved: bool,
    pub(crate) from: NetworkSource,
    pub(crate) when: When,
    /// They have declared an emergency that covers this.
    pub(crate) emergency: bool,
    /// What they are to the patient that it is about.
    pub(crate) relation: Relation,
}

/// What the policies said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// The `@id` of those that decided, sorted.
    pub(crate) policies: Vec<String>,
    pub(crate) preferred: bool,
    pub(crate) restore_tools: Vec<String>,
}

/// Who and about what, put together once for several questions.
pub(crate) struct Case<'a> {
    loaded: &'a Loaded,
    who: &'a Who<'a>,
    principal: EntityUid,
    resource: EntityUid,
    entities: Entities,
}

static TYPES: LazyLock<[EntityTypeName; 6]> = LazyLock::new(|| {
    ["Role", "Person", "Machine", "Model", "Server", "Action"]
        .map(|t| EntityTypeName::from_str(&format!("Medlock::{t}")).expect("these are names by Cedar's grammar"))
});

pub(super) fn uid(kind: usize, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(TYPES[kind].clone(), EntityId::new(id))
}

fn words<'a>(items: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(items.map(|w| RestrictedExpression::new_string(w.into())))
}

impl<'a> Case<'a> {
    /// About a model, or about the server. `None` when Cedar refuses the entities, which denies.
    pub(crate) fn new(loaded: &'a Loaded, who: &'a Who<'a>, model: Option<(&ModelName, bool)>) -> Option<Self> {
        let roles: Vec<EntityUid> = who.roles.iter().map(|r| uid(0, r.as_str())).collect();
        let principal = uid(if who.person { 1 } else { 2 }, who.id);
        let mut attributes = HashMap::new();
        if !who.person {
            attributes.insert("purposes".to_string(), words(who.purposes.iter().map(|p| p.as_str())));
        }
        let mut entities = vec![Entity::new(principal.clone(), attributes, roles.iter().cloned().collect()).ok()?];
        entities.extend(roles.into_iter().map(Entity::with_uid));
        let resource = match model {
            Some((name, local)) => {
                let resource = uid(3, name.as_str());
                let attributes = HashMap::from([("local".to_string(), RestrictedExpression::new_bool(local))]);
                entities.push(Entity::new(resource.clone(), attributes, Default::default()).ok()?);
                resource
            }
            None => {
                let resource = uid(4, "medlock");
                entities.push(Entity::with_uid(resource.clone()));
                resource
            }
        };
        let entities = loaded.base.clone().add_entities(entities, Some(&loaded.schema)).ok()?;
        Some(Self { loaded, who, principal, resource, entities })
    }

    /// Whether a policy speaks of classes of identifiers.
    pub(crate) fn sees_class(&self) -> bool {
        self.loaded.sees_class
    }

    /// May they, with the factors that they have shown?
    pub(crate) fn ask(&self, action: Action, purpose: Option<Purpose>) -> Verdict {
        self.ask_with(action, purpose, self.who.mfa)
    }

    /// May they, if they had (or had not) shown a second factor?
    pub(crate) fn ask_with(&self, action: Action, purpose: Option<Purpose>, mfa: bool) -> Verdict {
        self.ask_all(action, purpose, mfa, None)
    }

    /// May they, with identifiers of this class?
    pub(crate) fn ask_of(&self, action: Action, purpose: Purpose, class: PhiClass) -> Verdict {
        self.ask_all(action, Some(purpose), self.who.mfa, Some(class))
    }

    fn ask_all(&self, action: Action, purpose: Option<Purpose>, mfa: bool, class: Option<PhiClass>) -> Verdict {
        let Some(request) = self.request(action, purpose, mfa, class) else { return Verdict::default() };
        let slice = self.loaded.slice(action, self.who.person, self.who.roles);
        self.verdict(&request, &slice)
    }

    fn verdict(&self, request: &Request, policies: &PolicySet) -> Verdict {
        let response = self.loaded.authorizer.is_authorized(request, policies, &self.entities);
        let diagnostics = response.diagnostics();
        // Cedar leaves a policy out that it cannot evaluate. Were that a forbid, it would permit.
        let broken = diagnostics.errors().next().is_some();
        let mut verdict = Verdict { allowed: response.decision() == Decision::Allow && !broken, ..Verdict::default() };
        for id in diagnostics.reason() {
            verdict.policies.push(AsRef::<str>::as_ref(id).to_string());
            let Some(policy) = self.loaded.set.policy(id) else { continue };
            verdict.preferred |= policy.annotation("preferred").is_some();
            if let Some(list) = policy.annotation("restore_tools") {
                verdict.restore_tools.extend(tools(list).map(String::from));
            }
        }
        verdict.policies.sort();
        verdict.restore_tools.sort();
        verdict.restore_tools.dedup();
        verdict
    }

    #[cfg(test)]
    pub(super) fn asked(&self, action: Action, purpose: Option<Purpose>, sliced: bool) -> Verdict {
        let Some(request) = self.request(action, purpose, self.who.mfa, None) else { return Verdict::default() };
        let slice = self.loaded.slice(action, self.who.person, self.who.roles);
        self.verdict(&request, if sliced { &slice } else { &self.loaded.set })
    }

    fn request(&self, action: Action, purpose: Option<Purpose>, mfa: bool, class: Option<PhiClass>) -> Option<Request> {
        let network = RestrictedExpression::new_ip(self.who.from.0.to_canonical().to_string());
        let mut pairs = vec![
            ("mfa".to_string(), RestrictedExpression::new_bool(mfa)),
            ("network".to_string(), network),
            ("hour".to_string(), RestrictedExpression::new_long(self.who.when.hour())),
            ("weekday".to_string(), RestrictedExpression::new_string(self.who.when.day().into())),
        ];
        if let Some(p) = purpose {
            pairs.push(("purpose".to_string(), RestrictedExpression::new_string(p.as_str().into())));
            pairs.push(("emergency".to_string(), RestrictedExpression::new_bool(self.who.emergency)));
            let relation = RestrictedExpression::new_string(self.who.relation.as_str().into());
            pairs.push(("relation".to_string(), relation));
            let class = class.map(|class| RestrictedExpression::new_string(class.label().into()));
            pairs.extend(class.map(|class| ("class".to_string(), class)));
        } else {
            pairs.push(("fresh".to_string(), RestrictedExpression::new_bool(mfa && self.who.fresh)));
            pairs.push(("approved".to_string(), RestrictedExpression::new_bool(self.who.approved)));
        }
        let context = Context::from_pairs(pairs).ok()?;
        let (principal, resource) = (self.principal.clone(), self.resource.clone());
        Request::new(principal, uid(5, action.as_str()), resource, context, Some(&self.loaded.schema)).ok()
    }
}
