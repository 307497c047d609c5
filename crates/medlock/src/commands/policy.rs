//! `medlock policy`.

use super::{Context, policy_replay};
use crate::admin::Office;
use crate::cli::{CLASS, Policy, PolicyQuestion};
use crate::config;
use crate::failure::{Doing, Failure};
use crate::policy_note;
use crate::signers;
use medlock_auth::{Answer, AuthError, POLICY_NOTE, PolicySource, PolicyText, Question, Relation, Trial, When};
use medlock_domain::{NetworkSource, PhiClass, Purpose, RoleName};
use serde::Deserialize;
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

pub(crate) async fn run(verb: Policy, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    match verb {
        Policy::Init { dir, two_persons } => init(&dir, two_persons, context).await,
        Policy::Check { dir } => {
            let trial = trial(&source(dir.as_deref(), context)?).await?;
            let roles: Vec<&str> = trial.roles().iter().map(RoleName::as_str).collect();
            if terminal.json {
                terminal.json(json!({ "policies": trial.len(), "roles": roles }));
            } else {
                terminal.out(format!("{} {} policies, about {}", terminal.good("good"), trial.len(), roles.join(", ")));
            }
            Ok(())
        }
        Policy::Test { cases, dir } => test(&cases, &source(dir.as_deref(), context)?, context).await,
        Policy::Diff { dir } => diff(&source(None, context)?, &PolicySource::Directory(dir), context).await,
        Policy::Replay { dir, since } => {
            let then = trial(&PolicySource::Directory(dir)).await?;
            policy_replay::run(&then, &since, context).await
        }
        Policy::Sign { dir, key } => sign(&dir, &key, context).await,
        Policy::Explain(question) => explain(question, context).await,
        Policy::Reload => {
            let epoch = Office::with(&context.whereabouts, async |office| office.reload_policy().await).await?;
            terminal.note(format!("in force; this is generation {epoch}, and permits of earlier ones are cut"));
            Ok(())
        }
    }
}

pub(super) fn source(dir: Option<&Path>, context: &Context) -> Result<PolicySource, Failure> {
    match dir {
        Some(dir) => Ok(PolicySource::Directory(dir.to_owned())),
        None => config::load(&context.whereabouts)?.policy.source(),
    }
}

/// Mistakes are what somebody looks for: a 1.
pub(super) async fn trial(source: &PolicySource) -> Result<Trial, Failure> {
    Trial::of(source).await.map_err(|e| match e {
        AuthError::Policy(_) => Failure::denied(e.to_string()),
        e => Failure::Error(e.to_string()),
    })
}

async fn sign(dir: &Path, key_file: &Path, context: &Context) -> Result<(), Failure> {
    let source = PolicySource::Directory(dir.to_owned());
    // Nobody signs what has mistakes.
    trial(&source).await?;
    let (name, key) = signers::key(key_file)?;
    let file = dir.join(POLICY_NOTE);
    let note = match fs::read_to_string(&file) {
        Ok(note) => Some(note),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => return Err(e).doing(format!("reading {}", file.display())),
    };
    let texts = source.texts().await.doing("reading the policies")?;
    let (version, note) = policy_note::sign(note.as_deref(), &texts, &name, &key)?;
    let partial = dir.join(format!("{POLICY_NOTE}.partial"));
    fs::write(&partial, &note)
        .and_then(|()| fs::rename(&partial, &file))
        .doing(format!("writing {}", file.display()))?;
    let by = signers::count(&note);
    if context.terminal.json {
        context.terminal.json(json!({ "version": version, "signatures": by }));
    } else {
        context.terminal.note(format!("version {version}, with {by} signatures; medlock policy reload"));
    }
    Ok(())
}

async fn init(dir: &Path, two_persons: bool, context: &Context) -> Result<(), Failure> {
    fs::create_dir_all(dir).doing(format!("making {}", dir.display()))?;
    let shipped = PolicySource::Shipped.texts().await.doing("reading the shipped policies")?;
    for text in shipped.into_iter().chain(two_persons.then(PolicyText::two_persons)) {
        let path = dir.join(&text.name);
        let made = OpenOptions::new().write(true).create_new(true).open(&path);
        made.and_then(|mut file| file.write_all(text.text.as_bytes())).doing(format!("writing {}", path.display()))?;
    }
    context
        .terminal
        .note(format!("change them, `medlock policy check {0}`, then set dir = \"{0}\" under [policy]", dir.display()));
    Ok(())
}

async fn diff(now: &PolicySource, then: &PolicySource, context: &Context) -> Result<(), Failure> {
    let (now, then) = (trial(now).await?, trial(then).await?);
    let changed = now.otherwise(&then);
    let terminal = context.terminal;
    let of =
        |wanted: bool| -> Vec<&str> { changed.iter().filter(|(_, a)| *a == wanted).map(|(q, _)| q.as_str()).collect() };
    if terminal.json {
        terminal.json(json!({ "permits": of(true), "denies": of(false) }));
    } else {
        of(true).iter().for_each(|question| terminal.out(format!("+ {question}")));
        of(false).iter().for_each(|question| terminal.out(format!("- {question}")));
    }
    match changed.len() {
        0 => {
            terminal.note("they decide alike, about every role, action, purpose, network and hour that they speak of");
            Ok(())
        }
        n => Err(Failure::denied(format!("{n} decisions differ"))),
    }
}

async fn explain(asked: PolicyQuestion, context: &Context) -> Result<(), Failure> {
    let PolicyQuestion {
        roles,
        action,
        purpose,
        key,
        no_mfa,
        no_fresh,
        alone,
        elsewhere,
        emergency,
        relation,
        from,
        at,
        class,
        dir,
    } = asked;
    let trial = trial(&source(dir.as_deref(), context)?).await?;
    let mfa = !no_mfa && !key;
    let fresh = mfa && !no_fresh;
    let (from, local, approved) = (NetworkSource(from), !elsewhere, !alone);
    let question = Question {
        roles,
        program: key,
        mfa,
        fresh,
        approved,
        from,
        when: at,
        class,
        action,
        purpose,
        local,
        emergency,
        relation,
    };
    let Answer { allowed, policies } = answer(&trial, &question)?;
    let terminal = context.terminal;
    if terminal.json {
        terminal.json(json!({ "allowed": allowed, "policies": policies }));
    } else {
        let word = if allowed { terminal.good("permitted") } else { "denied".to_owned() };
        let by = if policies.is_empty() { "no policy speaks of it".to_owned() } else { policies.join(", ") };
        terminal.out(format!("{word} ({by})"));
    }
    Ok(())
}

fn answer(trial: &Trial, question: &Question) -> Result<Answer, Failure> {
    if let Some(role) = question.roles.iter().find(|role| !trial.roles().contains(*role)) {
        let known: Vec<&str> = trial.roles().iter().map(RoleName::as_str).collect();
        return Err(Failure::error(format!("no policy speaks of the role {role}; there are {}", known.join(", "))));
    }
    trial.ask(question).map_err(|e| match e {
        medlock_auth::BadQuestion::Action => Failure::error(format!("{e}; there are {}", Trial::actions().join(", "))),
        e => Failure::error(e.to_string()),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    roles: Vec<String>,
    action: String,
    expect: Expect,
    purpose: Option<String>,
    #[serde(default)]
    key: bool,
    /// By default as it is where nothing is amiss: shown by people, and not by programs.
    mfa: Option<bool>,
    fresh: Option<bool>,
    approved: Option<bool>,
    #[serde(default)]
    elsewhere: bool,
    #[serde(default)]
    emergency: bool,
    from: Option<IpAddr>,
    at: Option<String>,
    class: Option<String>,
    relation: Option<String>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Expect {
    Allow,
    Deny,
}

impl Case {
    fn question(&self) -> Result<Question, Failure> {
        let bad = |e: medlock_domain::BadId| Failure::error(format!("{}: {e}", self.name));
        Ok(Question {
            roles: self.roles.iter().map(|role| role.parse()).collect::<Result<_, _>>().map_err(bad)?,
            program: self.key,
            mfa: self.mfa.unwrap_or(!self.key),
            fresh: self.fresh.unwrap_or(!self.key),
            approved: self.approved.unwrap_or(!self.key),
            from: NetworkSource(self.from.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))),
            when: self
                .at
                .as_deref()
                .map_or(Ok(When::SOME), str::parse)
                .map_err(|e: &str| Failure::error(format!("{}: at is {e}", self.name)))?,
            class: match self.class.as_deref().map(PhiClass::from_label) {
                Some(None) => return Err(Failure::error(format!("{}: class is {CLASS}", self.name))),
                known => known.flatten(),
            },
            action: self.action.clone(),
            purpose: self.purpose.as_deref().map(str::parse::<Purpose>).transpose().map_err(bad)?,
            local: !self.elsewhere,
            emergency: self.emergency,
            relation: self
                .relation
                .as_deref()
                .map_or(Ok(Relation::Unasked), str::parse)
                .map_err(|e: &str| Failure::error(format!("{}: {e}", self.name)))?,
        })
    }
}

async fn test(file: &Path, source: &PolicySource, context: &Context) -> Result<(), Failure> {
    let text = fs::read_to_string(file).doing(format!("reading {}", file.display()))?;
    let Cases { case } = toml::from_str(&text).doing(format!("reading {}", file.display()))?;
    let (trial, terminal) = (trial(source).await?, context.terminal);
    let mut wrong = 0;
    for case in &case {
        let named = |e: Failure| Failure::error(format!("{}: {e}", case.name));
        let Answer { allowed, policies } = answer(&trial, &case.question()?).map_err(named)?;
        let right = allowed == (case.expect == Expect::Allow);
        wrong += usize::from(!right);
        let said = if allowed { "allow" } else { "deny" };
        if terminal.json {
            terminal.json(json!({ "case": case.name, "right": right, "said": said, "policies": policies }));
        } else if !right {
            terminal.out(format!("WRONG  {}: the policies say {said} ({})", case.name, policies.join(", ")));
        }
    }
    match wrong {
        0 => {
            terminal.note(format!("{} cases, all as expected", case.len()));
            Ok(())
        }
        n => Err(Failure::denied(format!("{n} of {} cases are not as expected", case.len()))),
    }
}
