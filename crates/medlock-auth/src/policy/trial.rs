//! Policies looked at before they are in force: whether they are right, what they would say, and what they would say
//! otherwise than others.

use super::{Action, Asked, Case, Decided, Loaded, PolicySource, Verdict, When, Who};
use crate::error::AuthError;
use crate::permit::{AdminAction, Relation};
use medlock_domain::{ModelName, NetworkSource, PhiClass, PhiClasses, Protection, ProtectionMode, Purpose, RoleName};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

/// Policies that pass strict validation, in force nowhere.
pub struct Trial(Loaded);

/// What somebody might ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Their roles.
    pub roles: Vec<RoleName>,
    /// A program with an API key, made for every purpose; else a person.
    pub program: bool,
    /// They have shown a second factor.
    pub mfa: bool,
    /// They have shown it within the last minutes.
    pub fresh: bool,
    /// Somebody else has approved of it.
    pub approved: bool,
    /// From where.
    pub from: NetworkSource,
    /// When.
    pub when: When,
    /// Of what class are the identifiers that are to pass, or to be put back; `None`: is there anything that may.
    pub class: Option<PhiClass>,
    /// What they would do, in the word that policies use.
    pub action: String,
    /// What for, of what uses a model.
    pub purpose: Option<Purpose>,
    /// The model runs in our own engine.
    pub local: bool,
    /// They have declared an emergency that covers this.
    pub emergency: bool,
    /// What they are to the patient that it is about.
    pub relation: Relation,
}

impl Default for Question {
    /// A person of no role with a second factor, about a model of ours.
    fn default() -> Self {
        Self {
            roles: Vec::new(),
            program: false,
            mfa: true,
            fresh: true,
            approved: true,
            from: NetworkSource(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            when: When::SOME,
            class: None,
            action: String::new(),
            purpose: None,
            local: true,
            emergency: false,
            relation: Relation::Unasked,
        }
    }
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Whether it is permitted.
    pub allowed: bool,
    /// The `@id` of each policy that decided, sorted; none where nothing speaks of it, which denies.
    pub policies: Vec<String>,
}

/// Why a question cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadQuestion {
    /// There is no such action.
    #[error("there is no such action")]
    Action,
    /// What uses a model has a purpose.
    #[error("this uses a model: say what for")]
    NoPurpose,
    /// What uses no model has none.
    #[error("this uses no model, and has no purpose")]
    Purpose,
}

/// What was given to a request: `tokenize for treatment, restored (NAME,DATE)`.
pub fn in_words(mode: &str, purpose: &str, identified: Option<String>, restored: Option<Option<String>>) -> String {
    let of = |classes: Option<String>| classes.map(|classes| format!(" ({classes})")).unwrap_or_default();
    let restored = restored.map(|classes| format!(", restored{}", of(classes))).unwrap_or_default();
    format!("{mode}{} for {purpose}{restored}", of(identified))
}

impl Trial {
    /// Loads and validates.
    ///
    /// # Errors
    /// [`AuthError::Policy`] with every mistake in them.
    pub async fn of(source: &PolicySource) -> Result<Self, AuthError> {
        Ok(Self(Loaded::new(&source.texts().await?, 0).map_err(AuthError::Policy)?))
    }

    /// How many policies there are.
    pub fn len(&self) -> usize {
        self.0.set.num_of_policies()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The roles that they speak of.
    pub fn roles(&self) -> &BTreeSet<RoleName> {
        &self.0.roles
    }

    /// Every action that policies can speak of.
    pub fn actions() -> Vec<&'static str> {
        actions().map(Action::as_str).collect()
    }

    /// What they say to a question.
    ///
    /// # Errors
    /// When it is none.
    pub fn ask(&self, question: &Question) -> Result<Answer, BadQuestion> {
        let action = actions().find(|action| action.as_str() == question.action).ok_or(BadQuestion::Action)?;
        match (uses_a_model(action), question.purpose) {
            (true, None) => return Err(BadQuestion::NoPurpose),
            (false, Some(_)) => return Err(BadQuestion::Purpose),
            _ => {}
        }
        let Verdict { allowed, policies, .. } = self.verdict(action, question);
        Ok(Answer { allowed, policies })
    }

    /// What they would have given to a request of the past, in words: purpose, protection and whether what was hidden
    /// would have come back; or why nothing.
    pub fn again(&self, asked: &Asked) -> String {
        match asked.decide(&self.0) {
            Ok(Decided { purpose, protection: Protection { mode, identified, restored }, restore, .. }) => {
                let some = |classes: PhiClasses| (classes != PhiClasses::ALL).then(|| classes.to_string());
                in_words(mode.as_str(), purpose.as_str(), some(identified), restore.allowed.then(|| some(restored)))
            }
            Err(denied) => denied.code.as_str().to_owned(),
        }
    }

    /// Whether they would have let it through.
    pub fn permits(&self, asked: &Asked) -> bool {
        asked.decide(&self.0).is_ok()
    }

    fn verdict(&self, action: Action, question: &Question) -> Verdict {
        let Question { roles, program, mfa, fresh, approved, from, when, purpose, local, emergency, relation, .. } =
            question;
        let when = *when;
        let id = if *program { "key_trial" } else { "usr_trial" };
        let (person, mfa, fresh, approved, from) = (!program, *mfa, *fresh && !program, *approved, *from);
        let (emergency, relation) = (*emergency, *relation);
        let who =
            Who { id, person, roles, purposes: &Purpose::ALL, mfa, fresh, approved, from, when, emergency, relation };
        let Ok(model) = "trial".parse::<ModelName>() else { return Verdict::default() };
        let about = matches!(action, Action::ModelsList) || uses_a_model(action);
        let case = Case::new(&self.0, &who, about.then_some((&model, *local)));
        let ask = |case: Case<'_>| match (question.class, purpose) {
            (Some(class), Some(purpose)) => case.ask_of(action, *purpose, class),
            _ => case.ask(action, *purpose),
        };
        case.map_or_else(Verdict::default, ask)
    }

    /// What these and others say to every question there is about a role of either: the questions that they answer
    /// otherwise, and what the others say. Networks that one of them writes down are asked about, and, where one of them speaks
    /// of the time, each hour of a Monday and noon of the other days.
    pub fn otherwise(&self, others: &Trial) -> Vec<(String, bool)> {
        let mut differ = Vec::new();
        for role in self.roles() | others.roles() {
            for (kind, program, mfa, fresh, approved) in [
                ("person", false, true, true, true),
                ("person on their own", false, true, true, false),
                ("person whose second factor is not fresh", false, true, false, true),
                ("person without second factor", false, false, false, true),
                ("key", true, false, false, false),
            ] {
                let who = Question { roles: vec![role.clone()], program, mfa, fresh, approved, ..Question::default() };
                for (setting, question) in self.settings(others, &who) {
                    for action in actions() {
                        if mfa && !(fresh && approved) && uses_a_model(action) {
                            continue; // nothing of that is known there
                        }
                        let by_class = self.0.sees_class || others.0.sees_class;
                        for (state, question) in states(action, &question, by_class) {
                            let [now, then] = [self, others].map(|trial| trial.verdict(action, &question).allowed);
                            if now != then {
                                differ.push((format!("{role}, {kind}{setting}: {}{state}", action.as_str()), then));
                            }
                        }
                    }
                }
            }
        }
        differ
    }

    /// Where and when the same is asked.
    fn settings(&self, others: &Trial, who: &Question) -> Vec<(String, Question)> {
        let mut settings = vec![(String::new(), who.clone())];
        for address in self.0.networks.union(&others.0.networks) {
            settings.push((format!(" from {address}"), Question { from: NetworkSource(*address), ..who.clone() }));
        }
        if self.0.sees_time || others.0.sees_time {
            settings.extend(When::samples().map(|when| (format!(" on {when}"), Question { when, ..who.clone() })));
        }
        settings
    }
}

/// What can be so of a request to a model, in words. It is asked everything; but from other places, at other hours and of
/// each class only the plain case, or nobody would wait for it.
fn states(action: Action, asked: &Question, by_class: bool) -> Vec<(String, Question)> {
    if !uses_a_model(action) {
        return vec![(String::new(), asked.clone())];
    }
    let usual = Question { roles: asked.roles.clone(), ..Question::default() };
    let elsewhere = asked.from != usual.from || asked.when != usual.when;
    let mut states = Vec::new();
    for purpose in Purpose::ALL {
        for (place, local) in [("", true), (", elsewhere", false)] {
            for (state, emergency) in [("", false), (", in a declared emergency", true)] {
                for relation in Relation::ALL {
                    let plain = local && !emergency && relation == Relation::Unasked;
                    if elsewhere && !plain {
                        continue;
                    }
                    let whose = match relation {
                        Relation::Unasked => String::new(),
                        relation => format!(", of a patient {}", relation.as_str()),
                    };
                    let question = Question { purpose: Some(purpose), local, emergency, relation, ..asked.clone() };
                    let what = format!(" for {purpose}{place}{state}{whose}");
                    let apart = matches!(action, Action::Restore | Action::Chat(ProtectionMode::Identified));
                    if by_class && apart && plain && !elsewhere {
                        for class in PhiClass::ALL {
                            states.push((
                                format!("{what}, of {class}"),
                                Question { class: Some(class), ..question.clone() },
                            ));
                        }
                    }
                    states.push((what, question));
                }
            }
        }
    }
    states
}

fn actions() -> impl Iterator<Item = Action> {
    let uses = ProtectionMode::ALL.into_iter().map(Action::Chat).chain([Action::Restore]);
    uses.chain([Action::ModelsList, Action::Login]).chain(AdminAction::ALL.into_iter().map(Action::Admin))
}

fn uses_a_model(action: Action) -> bool {
    matches!(action, Action::Chat(_) | Action::Restore)
}
