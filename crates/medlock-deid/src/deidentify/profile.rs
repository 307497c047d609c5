//! Profiles: a table class → action, checked when it is loaded.

use std::fmt;

use medlock_domain::{PhiClass, PhiClasses};
use toml::{Table, Value};

use super::action::{Action, Scope};

/// What a profile claims to meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// Safe Harbor, 45 CFR 164.514(b)(2).
    SafeHarbor,
    /// A limited data set, 45 CFR 164.514(e): still PHI, for use under a data use agreement.
    LimitedDataSet,
    /// What an expert has determined, 45 CFR 164.514(b)(1), under the expert's own name for it.
    Expert(String),
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SafeHarbor => f.write_str("safe-harbor"),
            Self::LimitedDataSet => f.write_str("limited-data-set"),
            Self::Expert(id) => write!(f, "expert:{id}"),
        }
    }
}

/// A table class → action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    name: String,
    method: Method,
    rules: [(Action, Scope); PhiClass::ALL.len()],
}

/// Why a profile is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// It is no TOML.
    #[error("not a profile: {0}")]
    Syntax(String),
    /// A key that profiles do not have, by its path.
    #[error("profiles have no {0}")]
    UnknownKey(String),
    /// A value of the wrong type, by its path.
    #[error("{path}: expected {expected}")]
    Type {
        /// Where.
        path: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// The name says none of the three methods.
    #[error("name {0:?}: expected safe-harbor, limited-data-set or expert:ID (a-z, 0-9, - . _)")]
    Name(String),
    /// A class that there is not.
    #[error("there is no class {0:?}")]
    UnknownClass(String),
    /// A class that is written twice.
    #[error("class {0} is there twice")]
    Twice(PhiClass),
    /// An action that there is not.
    #[error("{class}: there is no action {action:?}")]
    UnknownAction {
        /// Of which class.
        class: PhiClass,
        /// As it is written.
        action: String,
    },
    /// A scope that there is not.
    #[error("there is no scope {0:?}")]
    UnknownScope(String),
    /// Classes that the table leaves out.
    #[error("no action for {}", labels(.0))]
    Missing(Vec<PhiClass>),
    /// An action that makes nothing of values of that class.
    #[error("{class} cannot be {action}: {why}")]
    Refused {
        /// Which class.
        class: PhiClass,
        /// Which action.
        action: Action,
        /// Why not.
        why: &'static str,
    },
}

fn labels(classes: &[PhiClass]) -> String {
    classes.iter().map(|c| c.label()).collect::<Vec<_>>().join(", ")
}

const SHIFT_IN_SAFE_HARBOR: &str = "a shifted date still has a day and a month, which 164.514(b)(2)(i)(C) removes";
const KEPT_IN_SAFE_HARBOR: &str = "164.514(b)(2)(i) removes all of this class";
const KEPT_IN_LIMITED: &str = "164.514(e)(2) removes the direct identifiers; only dates and ages may be kept";
const NO_DATE: &str = "only dates can be shifted";
const NOTHING_LESS: &str = "only dates, ages and locations have something less to say";

impl Profile {
    /// Safe Harbor (45 CFR 164.514(b)(2)): every class is removed; of dates the year stays, of
    /// locations the state and three digits of the ZIP code, of ages over 89 `90 or older`.
    pub fn safe_harbor() -> Self {
        Self::of(Method::SafeHarbor, |class| match class {
            PhiClass::Date | PhiClass::Age | PhiClass::Location => Action::Generalise,
            _ => Action::Redact,
        })
    }

    /// A limited data set (45 CFR 164.514(e)(2)): the direct identifiers are removed; dates, ages,
    /// city, state and ZIP code stay.
    pub fn limited_data_set() -> Self {
        Self::of(Method::LimitedDataSet, |class| match class {
            PhiClass::Date | PhiClass::Age => Action::Keep,
            PhiClass::Location => Action::Generalise,
            _ => Action::Redact,
        })
    }

    fn of(method: Method, action: impl Fn(PhiClass) -> Action) -> Self {
        let rules = PhiClass::ALL.map(|c| (action(c), Scope::Patient));
        Self { name: method.to_string(), method, rules }
    }

    /// The same for every class.
    pub(super) fn uniform(method: Method, action: Action, scope: Scope) -> Self {
        Self { name: method.to_string(), method, rules: [(action, scope); PhiClass::ALL.len()] }
    }

    /// A profile from its TOML, as [`fmt::Display`] writes it:
    ///
    /// ```
    /// let toml = medlock_deid::deidentify::Profile::safe_harbor().to_string();
    /// let toml = toml.replace(r#"NAME = "redact""#, r#"NAME = { action = "surrogate", scope = "document" }"#);
    /// let profile = medlock_deid::deidentify::Profile::from_toml(&toml)?;
    /// assert_eq!(profile.action(medlock_domain::PhiClass::Name).as_str(), "surrogate");
    /// # Ok::<(), medlock_deid::deidentify::ProfileError>(())
    /// ```
    ///
    /// `name` is `safe-harbor`, `limited-data-set` or `expert:ID`; `scope` (`patient` where it is
    /// left out) holds for classes that name none; `actions` has every class.
    ///
    /// # Errors
    /// When a word is unknown, a class is missing, or an action is not what the method allows: no
    /// shift under Safe Harbor, no direct identifier kept but by an expert.
    pub fn from_toml(text: &str) -> Result<Self, ProfileError> {
        let table: Table = text.parse().map_err(|e: toml::de::Error| ProfileError::Syntax(e.message().to_owned()))?;
        if let Some(key) = table.keys().find(|k| !["name", "scope", "actions"].contains(&k.as_str())) {
            return Err(ProfileError::UnknownKey(key.clone()));
        }
        let name = string(table.get("name"), "name")?;
        let method = method(name)?;
        let scope = match table.get("scope") {
            None => Scope::Patient,
            Some(s) => scope_of(string(Some(s), "scope")?)?,
        };
        let Some(Value::Table(actions)) = table.get("actions") else {
            return Err(ProfileError::Type { path: "actions".into(), expected: "a table class = action" });
        };
        let mut rules = [None; PhiClass::ALL.len()];
        for (key, value) in actions {
            let class = class_of(key).ok_or_else(|| ProfileError::UnknownClass(key.clone()))?;
            let rule = rule(class, value, scope)?;
            if rules[class as usize].replace(rule).is_some() {
                return Err(ProfileError::Twice(class));
            }
        }
        let missing: Vec<PhiClass> = PhiClass::ALL.into_iter().filter(|c| rules[*c as usize].is_none()).collect();
        if !missing.is_empty() {
            return Err(ProfileError::Missing(missing));
        }
        let rules = rules.map(|r| r.unwrap_or((Action::Redact, scope)));
        let profile = Self { name: name.to_owned(), method, rules };
        PhiClass::ALL.into_iter().try_for_each(|c| profile.check(c))?;
        Ok(profile)
    }

    /// `safe-harbor`, `limited-data-set` or `expert:ID`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it claims to meet.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// What is done with a class.
    pub fn action(&self, class: PhiClass) -> Action {
        self.rules[class as usize].0
    }

    /// By which of the classes that a stretch of text was read as it is treated: by `class`, but what that one
    /// would keep by another that is not kept.
    pub(crate) fn strictest(&self, class: PhiClass, read_as: PhiClasses) -> PhiClass {
        let kept = |c: PhiClass| self.action(c) == Action::Keep;
        read_as.iter().find(|c| kept(class) && !kept(*c)).unwrap_or(class)
    }

    /// Where replacements of a class stay the same.
    pub fn scope(&self, class: PhiClass) -> Scope {
        self.rules[class as usize].1
    }

    fn check(&self, class: PhiClass) -> Result<(), ProfileError> {
        use PhiClass::{Age, Date, Location};
        let action = self.action(class);
        let refused = |why| Err(ProfileError::Refused { class, action, why });
        match (action, &self.method) {
            (Action::Shift, _) if class != Date => refused(NO_DATE),
            (Action::Shift, Method::SafeHarbor) => refused(SHIFT_IN_SAFE_HARBOR),
            (Action::Generalise, _) if !matches!(class, Date | Age | Location) => refused(NOTHING_LESS),
            (Action::Keep, Method::SafeHarbor) => refused(KEPT_IN_SAFE_HARBOR),
            (Action::Keep, Method::LimitedDataSet) if !matches!(class, Date | Age) => refused(KEPT_IN_LIMITED),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Profile {
    /// As TOML, which [`Profile::from_toml`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {:?}\n\n[actions]", self.name)?;
        for class in PhiClass::ALL {
            let (action, scope) = self.rules[class as usize];
            match scope {
                Scope::Patient => writeln!(f, "{class} = \"{action}\"")?,
                scope => writeln!(f, "{class} = {{ action = \"{action}\", scope = \"{scope}\" }}")?,
            }
        }
        Ok(())
    }
}

fn string<'v>(value: Option<&'v Value>, path: &str) -> Result<&'v str, ProfileError> {
    let wrong = || ProfileError::Type { path: path.to_owned(), expected: "a string" };
    value.and_then(Value::as_str).ok_or_else(wrong)
}

fn method(name: &str) -> Result<Method, ProfileError> {
    let word = |id: &str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b))
    };
    match name {
        "safe-harbor" => Ok(Method::SafeHarbor),
        "limited-data-set" => Ok(Method::LimitedDataSet),
        name => match name.strip_prefix("expert:") {
            Some(id) if word(id) => Ok(Method::Expert(id.to_owned())),
            _ => Err(ProfileError::Name(name.to_owned())),
        },
    }
}

fn scope_of(word: &str) -> Result<Scope, ProfileError> {
    Scope::from_word(word).ok_or_else(|| ProfileError::UnknownScope(word.to_owned()))
}

/// `HEALTH_PLAN`, `health-plan`.
fn class_of(key: &str) -> Option<PhiClass> {
    PhiClass::from_label(&key.to_ascii_uppercase().replace('-', "_"))
}

fn rule(class: PhiClass, value: &Value, scope: Scope) -> Result<(Action, Scope), ProfileError> {
    let path = format!("actions.{class}");
    let (word, scope) = match value {
        Value::String(word) => (word.as_str(), scope),
        Value::Table(t) => {
            if let Some(key) = t.keys().find(|k| !["action", "scope"].contains(&k.as_str())) {
                return Err(ProfileError::UnknownKey(format!("{path}.{key}")));
            }
            let scope = match t.get("scope") {
                None => scope,
                s => scope_of(string(s, &format!("{path}.scope"))?)?,
            };
            (string(t.get("action"), &format!("{path}.action"))?, scope)
        }
        _ => return Err(ProfileError::Type { path, expected: "an action, or a table of action and scope" }),
    };
    match Action::from_word(word) {
        Some(action) => Ok((action, scope)),
        None => Err(ProfileError::UnknownAction { class, action: word.to_owned() }),
    }
}
