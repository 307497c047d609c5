//! What an entry can be found by.

use medlock_audit::read::StoredEntry;
use medlock_domain::Actor;

/// A way to look for entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Field {
    /// Who did it: a person, an API key, the key's owner, or a session.
    Who = 1,
    /// To whom it was done: the person, key or session that an administrative verb was about.
    About = 2,
    /// A request's id.
    Request = 3,
    /// A record's id, as its receipt and the header `x-medlock-audit` have it.
    Record = 4,
    /// A patient, declared or found, as the random id that records hold.
    Patient = 5,
    /// The kind of entry.
    Kind = 6,
    /// An administrative action or verb.
    Action = 7,
    /// How it ended.
    Outcome = 8,
    /// A class of identifier that was found or removed.
    Class = 9,
    /// A model.
    Model = 10,
    /// A purpose of use.
    Purpose = 11,
    /// A refusal's code.
    Code = 12,
    /// A network address.
    From = 13,
    /// A key that content is sealed under and that can be destroyed: an owner's, a patient's, a day's.
    Key = 14,
}

impl Field {
    /// Every one there is, the most telling first.
    pub const ALL: [Field; 14] = [
        Field::Record,
        Field::Request,
        Field::Patient,
        Field::Key,
        Field::About,
        Field::Who,
        Field::From,
        Field::Code,
        Field::Class,
        Field::Action,
        Field::Purpose,
        Field::Model,
        Field::Kind,
        Field::Outcome,
    ];

    /// Its name in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Field::Who => "who",
            Field::About => "about",
            Field::Request => "request",
            Field::Record => "id",
            Field::Patient => "patient",
            Field::Kind => "kind",
            Field::Action => "action",
            Field::Outcome => "outcome",
            Field::Class => "class",
            Field::Model => "model",
            Field::Purpose => "purpose",
            Field::Code => "code",
            Field::From => "from",
            Field::Key => "key",
        }
    }
}

/// The facts that name the patients whose record numbers were found in a request.
pub const FOUND_PATIENTS: [&str; 4] = ["found_patients", "found_patients_2", "found_patients_3", "found_patients_4"];

/// Everything that this entry is found by, each once.
pub(crate) fn of(entry: &StoredEntry) -> Vec<(Field, String)> {
    let mut terms = vec![
        (Field::Kind, entry.kind.as_str().to_owned()),
        (Field::Outcome, entry.outcome.as_str().to_owned()),
        (Field::Record, entry.receipt_id()),
    ];
    let mut add = |field, text: &str| {
        if !text.is_empty() {
            terms.push((field, text.to_owned()));
        }
    };
    match &entry.actor {
        Actor::Unauthenticated => {}
        Actor::Person { user, session } => {
            add(Field::Who, user.as_str());
            add(Field::Who, session.as_str());
        }
        Actor::Machine { key, owner } => {
            add(Field::Who, key.as_str());
            add(Field::Who, owner.as_str());
        }
        Actor::LocalOperator => add(Field::Who, "local-operator"),
        Actor::Server => add(Field::Who, "server"),
    }
    if let Some(request) = &entry.request {
        add(Field::Request, request.as_str());
    }
    for (key, fact) in entry.facts.iter() {
        let field = match key {
            "user" | "key" | "owner" | "session" => Field::About,
            "held_patient" | "emergency" => Field::About,
            "patient" => {
                add(Field::Key, &fact.to_string());
                Field::Patient
            }
            "owner_key" | "period" => Field::Key,
            key if FOUND_PATIENTS.contains(&key) => {
                fact.to_string().split(',').for_each(|id| add(Field::Patient, id));
                continue;
            }
            "action" | "verb" => Field::Action,
            "model" => Field::Model,
            "purpose" => Field::Purpose,
            "code" => Field::Code,
            "from" | "source" => Field::From,
            "found_classes" | "removed_classes" => {
                let classes = fact.to_string();
                classes.split(',').filter_map(|c| c.split_once('=')).for_each(|(class, _)| add(Field::Class, class));
                continue;
            }
            _ => continue,
        };
        add(field, &fact.to_string());
    }
    terms.sort();
    terms.dedup();
    terms
}
