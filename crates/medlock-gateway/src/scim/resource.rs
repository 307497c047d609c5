//! A user, as SCIM writes one (RFC 7643, 4.1; changes: RFC 7644, 3.5.2). Of what clients send of people, that is kept which
//! access needs; the rest of the standard's attributes is not, and what no standard knows is refused.

use super::USER;
use crate::error::Fault;
use medlock_auth::{Change, Joiner, Provisioned};
use medlock_domain::{UserId, Username};
use serde_json::{Map, Value, json};

/// Attributes of the standard that are taken and not kept: they say more of people than access needs.
const NOT_KEPT: &[&str] = &[
    "schemas",
    "id",
    "meta",
    "name",
    "displayname",
    "nickname",
    "profileurl",
    "title",
    "usertype",
    "preferredlanguage",
    "locale",
    "timezone",
    "emails",
    "phonenumbers",
    "ims",
    "photos",
    "addresses",
    "groups",
    "entitlements",
    "roles",
    "x509certificates",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user",
];

/// What a client says of somebody.
#[derive(Debug, Default)]
pub(super) struct Said {
    username: Option<Username>,
    subject: Option<String>,
    active: Option<bool>,
}

impl Said {
    /// A whole user.
    pub(super) fn whole(body: Map<String, Value>) -> Result<Self, Fault> {
        let mut said = Self::default();
        body.into_iter().try_for_each(|(name, value)| said.say(&name, value))?;
        Ok(said)
    }

    /// The operations of a change, one after the other.
    pub(super) fn patch(mut body: Map<String, Value>) -> Result<Self, Fault> {
        body.remove("schemas");
        let Some(Value::Array(operations)) = body.remove("Operations").or_else(|| body.remove("operations")) else {
            return Err(Fault::scim("invalidSyntax", "Operations must be a list"));
        };
        if !body.is_empty() {
            return Err(Fault::scim("invalidSyntax", "a change has Operations and schemas, and nothing else"));
        }
        let mut said = Self::default();
        for operation in operations {
            let word = |name: &str| operation.get(name).and_then(Value::as_str);
            let verb = word("op").unwrap_or_default().to_ascii_lowercase();
            let value = operation.get("value").cloned().unwrap_or(Value::Null);
            match (verb.as_str(), word("path"), value) {
                ("add" | "replace", Some(path), value) => said.say(plain(path), value)?,
                ("add" | "replace", None, Value::Object(fields)) => {
                    fields.into_iter().try_for_each(|(name, value)| said.say(plain(&name), value))?;
                }
                ("remove", Some(path), _) if kept(plain(path)) => {
                    return Err(Fault::scim("mutability", "this attribute cannot be taken away: replace it"));
                }
                ("remove", Some(path), _) => said.say(plain(path), Value::Null)?,
                ("remove", None, _) => return Err(Fault::scim("noTarget", "remove needs a path")),
                _ => return Err(Fault::scim("invalidSyntax", "op must be add, replace or remove, with its value")),
            }
        }
        Ok(said)
    }

    fn say(&mut self, name: &str, value: Value) -> Result<(), Fault> {
        let wrong = |expected| Fault::scim("invalidValue", expected);
        match name.to_ascii_lowercase().as_str() {
            "username" => {
                let text = value.as_str().ok_or_else(|| wrong("userName must be a string"))?;
                let name = text.to_lowercase().parse();
                self.username = Some(name.map_err(|_| wrong("userName must be up to 64 of a-z 0-9 . _ - @"))?);
            }
            "externalid" => {
                let text = value.as_str().filter(|text| (1..=255).contains(&text.len()));
                self.subject = Some(text.ok_or_else(|| wrong("externalId must be 1 to 255 bytes"))?.to_owned());
            }
            "active" => {
                // Some clients write it as a string.
                let text = value.as_str().map(str::to_ascii_lowercase);
                let active = match text.as_deref() {
                    Some("true") => Some(true),
                    Some("false") => Some(false),
                    _ => value.as_bool(),
                };
                self.active = Some(active.ok_or_else(|| wrong("active must be true or false"))?);
            }
            // `name.familyName`, `emails[type eq "work"].value`
            other
                if NOT_KEPT.contains(&other.split(['.', '[']).next().unwrap_or_default())
                    || NOT_KEPT.contains(&other) => {}
            other if other.starts_with(NOT_KEPT.last().copied().unwrap_or_default()) => {}
            "password" => {
                return Err(Fault::scim("invalidPath", "passwords are not taken: people come by single sign-on"));
            }
            _ => return Err(Fault::scim("invalidPath", "an attribute that this server does not know")),
        }
        Ok(())
    }

    /// Somebody new. Without an id of the client's own, their user name is what the provider calls them.
    pub(super) fn joiner(self) -> Result<Joiner, Fault> {
        let username = self.username.ok_or_else(|| Fault::scim("invalidValue", "userName is needed"))?;
        let subject = self.subject.unwrap_or_else(|| username.as_str().to_owned());
        Ok(Joiner { username, subject, enabled: self.active.unwrap_or(true) })
    }

    /// What is different for somebody who is here. What the provider calls them is for life.
    pub(super) fn change(self, now: &Provisioned) -> Result<Change, Fault> {
        if self.subject.is_some_and(|subject| subject != now.subject) {
            return Err(Fault::scim("mutability", "externalId is for life: delete the user and add another"));
        }
        Ok(Change {
            username: self.username.filter(|name| *name != now.username),
            // Whether that is something new is found out where it is written.
            enabled: self.active,
        })
    }
}

/// An attribute without the schema that it may be written after.
fn plain(path: &str) -> &str {
    path.strip_prefix(USER).and_then(|rest| rest.strip_prefix(':')).unwrap_or(path)
}

fn kept(name: &str) -> bool {
    ["username", "externalid", "active"].iter().any(|kept| name.eq_ignore_ascii_case(kept))
}

/// Somebody, as clients read them.
pub(super) fn shown(user: &Provisioned) -> Value {
    let id = user.id.as_str();
    let made = user.created.rfc3339();
    json!({
        "schemas": [USER],
        "id": id,
        "externalId": user.subject.as_str(),
        "userName": user.username.as_str(),
        "active": user.enabled,
        "meta": {"resourceType": "User", "created": made, "lastModified": made, "location": location(&user.id)},
    })
}

pub(super) fn location(user: &UserId) -> String {
    format!("/scim/v2/Users/{user}")
}

/// Which attributes an answer is to have (RFC 7644, 3.9).
#[derive(Debug, Default)]
pub(super) struct View {
    only: Option<Vec<String>>,
    without: Vec<String>,
}

impl View {
    pub(super) fn read(only: Option<Value>, without: Option<Value>) -> Result<Self, Fault> {
        let names = |value: Value| {
            let name = |item: &Value| Some(plain(item.as_str()?).to_ascii_lowercase());
            let names: Option<Vec<String>> = value.as_array().and_then(|all| all.iter().map(name).collect());
            names.ok_or_else(|| Fault::scim("invalidValue", "attributes and excludedAttributes are lists of names"))
        };
        Ok(Self { only: only.map(names).transpose()?, without: without.map(names).transpose()?.unwrap_or_default() })
    }

    /// `schemas` and `id` are always there.
    pub(super) fn of(&self, mut user: Value) -> Value {
        if let Value::Object(fields) = &mut user {
            fields.retain(|name, _| {
                let asked = |names: &[String]| {
                    let is = |n: &String| n.split('.').next().is_some_and(|head| head.eq_ignore_ascii_case(name));
                    names.iter().any(is)
                };
                let wanted = self.only.as_deref().is_none_or(asked) && !asked(&self.without);
                matches!(name.as_str(), "schemas" | "id") || wanted
            });
        }
        user
    }
}

/// Whom a list is to have: everybody, or by one attribute (`userName eq "…"`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Everybody,
    Username(String),
    Subject(String),
    Id(String),
}

impl Filter {
    pub(super) fn read(text: Option<&str>) -> Result<Self, Fault> {
        let Some(text) = text else { return Ok(Self::Everybody) };
        let wrong = || Fault::scim("invalidFilter", "filters are: userName, externalId or id eq \"VALUE\"");
        let mut words = text.trim().splitn(3, ' ');
        let (Some(name), Some(comparison), Some(value)) = (words.next(), words.next(), words.next()) else {
            return Err(wrong());
        };
        let value: String = serde_json::from_str(value.trim()).map_err(|_| wrong())?;
        match (plain(name).to_ascii_lowercase().as_str(), comparison.to_ascii_lowercase().as_str()) {
            ("username", "eq") => Ok(Self::Username(value.to_lowercase())),
            ("externalid", "eq") => Ok(Self::Subject(value)),
            ("id", "eq") => Ok(Self::Id(value)),
            _ => Err(wrong()),
        }
    }

    pub(super) fn takes(&self, user: &Provisioned) -> bool {
        match self {
            Self::Everybody => true,
            Self::Username(name) => user.username.as_str() == name,
            Self::Subject(subject) => user.subject == *subject,
            Self::Id(id) => user.id.as_str() == id,
        }
    }
}
