//! The canonical encoding of an entry: one entry, one sequence of bytes.

use super::frame::MAX_ENTRY;
use crate::entry::{Kind, Outcome};
use crate::facts::{Fact, Facts, MAX_FACTS, Word, is_key};
use medlock_domain::{Actor, RequestId, Timestamp};

const VERSION: u8 = 1;

/// Names a record for good, and is what its content key is derived with.
pub(crate) type RecordId = [u8; 16];

/// An entry as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) index: u64,
    pub(crate) time: Timestamp,
    pub(crate) clock_back_ms: u64,
    pub(crate) id: RecordId,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) actor: Actor,
    pub(crate) request: Option<RequestId>,
    pub(crate) facts: Facts,
    pub(crate) content: Option<ContentRef>,
}

/// The sealed content that belongs to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentRef {
    pub(crate) length: u32,
    pub(crate) sha256: [u8; 32],
}

/// An entry that has no encoding: a mistake of the program that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unencodable;

impl Record {
    pub(crate) fn encode(&self) -> Result<Vec<u8>, Unencodable> {
        if self.facts.len() > MAX_FACTS || self.facts.iter().any(|(key, _)| !is_key(key)) {
            return Err(Unencodable);
        }
        let mut out = Vec::with_capacity(256);
        out.push(VERSION);
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.time.0.to_be_bytes());
        out.extend_from_slice(&self.clock_back_ms.to_be_bytes());
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&[self.kind.code(), self.outcome.code()]);
        put_actor(&mut out, &self.actor)?;
        put_text(&mut out, self.request.as_ref().map_or("", RequestId::as_str))?;
        out.push(u8::try_from(self.facts.len()).map_err(|_| Unencodable)?);
        for (key, fact) in self.facts.iter() {
            put_text(&mut out, key)?;
            put_fact(&mut out, fact)?;
        }
        match &self.content {
            None => out.push(0),
            Some(content) => {
                out.push(1);
                out.extend_from_slice(&content.length.to_be_bytes());
                out.extend_from_slice(&content.sha256);
            }
        }
        if out.len() > MAX_ENTRY { Err(Unencodable) } else { Ok(out) }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Record, &'static str> {
        let mut rest = Rest(bytes);
        if rest.byte()? != VERSION {
            return Err("an entry of an unknown version");
        }
        let index = u64::from_be_bytes(rest.array()?);
        let time = Timestamp(i64::from_be_bytes(rest.array()?));
        let clock_back_ms = u64::from_be_bytes(rest.array()?);
        let id = rest.array()?;
        let kind = Kind::from_code(rest.byte()?).ok_or("an entry of an unknown kind")?;
        let outcome = Outcome::from_code(rest.byte()?).ok_or("an entry with an unknown outcome")?;
        let actor = rest.actor()?;
        let request = match rest.text()? {
            "" => None,
            id => Some(id.parse().map_err(|_| "a malformed request id")?),
        };
        let facts = rest.facts()?;
        let content = match rest.byte()? {
            0 => None,
            1 => Some(ContentRef { length: u32::from_be_bytes(rest.array()?), sha256: rest.array()? }),
            _ => return Err("a malformed reference to content"),
        };
        if !rest.0.is_empty() {
            return Err("an entry with bytes after its end");
        }
        Ok(Record { index, time, clock_back_ms, id, kind, outcome, actor, request, facts, content })
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), Unencodable> {
    out.push(u8::try_from(text.len()).map_err(|_| Unencodable)?);
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

fn put_actor(out: &mut Vec<u8>, actor: &Actor) -> Result<(), Unencodable> {
    let (tag, texts) = match actor {
        Actor::Unauthenticated => (0, None),
        Actor::Person { user, session } => (1, Some((user.as_str(), session.as_str()))),
        Actor::Machine { key, owner } => (2, Some((key.as_str(), owner.as_str()))),
        Actor::LocalOperator => (3, None),
        Actor::Server => (4, None),
    };
    out.push(tag);
    if let Some((first, second)) = texts {
        put_text(out, first)?;
        put_text(out, second)?;
    }
    Ok(())
}

fn put_fact(out: &mut Vec<u8>, fact: &Fact) -> Result<(), Unencodable> {
    match fact {
        Fact::Int(n) => {
            out.push(1);
            out.extend_from_slice(&n.to_be_bytes());
        }
        Fact::Word(word) => {
            out.push(2);
            out.extend_from_slice(&u16::try_from(word.as_str().len()).map_err(|_| Unencodable)?.to_be_bytes());
            out.extend_from_slice(word.as_str().as_bytes());
        }
        Fact::Digest(digest) => {
            out.push(3);
            out.extend_from_slice(digest);
        }
    }
    Ok(())
}

/// What has not been read yet. Every step checks the length: the bytes may be anybody's.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], &'static str> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("an entry that ends too early")?;
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "an entry that ends too early")
    }

    fn byte(&mut self) -> Result<u8, &'static str> {
        Ok(self.array::<1>()?[0])
    }

    fn text(&mut self) -> Result<&'a str, &'static str> {
        let length = usize::from(self.byte()?);
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text that is not UTF-8")
    }

    fn word(&mut self) -> Result<Word, &'static str> {
        let length = usize::from(u16::from_be_bytes(self.array()?));
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| "a word that is not UTF-8")?;
        Word::from_stored(text).map_err(|_| "a malformed word")
    }

    fn id<T: std::str::FromStr>(&mut self) -> Result<T, &'static str> {
        self.text()?.parse().map_err(|_| "a malformed id")
    }

    fn actor(&mut self) -> Result<Actor, &'static str> {
        Ok(match self.byte()? {
            0 => Actor::Unauthenticated,
            1 => Actor::Person { user: self.id()?, session: self.id()? },
            2 => Actor::Machine { key: self.id()?, owner: self.id()? },
            3 => Actor::LocalOperator,
            4 => Actor::Server,
            _ => return Err("an unknown kind of actor"),
        })
    }

    fn facts(&mut self) -> Result<Facts, &'static str> {
        let (count, mut facts) = (usize::from(self.byte()?), Facts::new());
        if count > MAX_FACTS {
            return Err("too many facts");
        }
        for _ in 0..count {
            let key = self.text()?;
            if !is_key(key) {
                return Err("a malformed key of a fact");
            }
            let fact = match self.byte()? {
                1 => Fact::Int(i64::from_be_bytes(self.array()?)),
                2 => Fact::Word(self.word()?),
                3 => Fact::Digest(self.array()?),
                _ => return Err("an unknown type of fact"),
            };
            facts.push_stored(key, fact)?;
        }
        Ok(facts)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_domain::{KeyId, SessionId, UserId};
    use proptest::prelude::*;

    fn sample() -> Record {
        let mut facts = Facts::new();
        facts.set("n", Fact::Int(-5));
        facts.set("mode", Fact::Word(Word::new("tokenize").unwrap()));
        facts.set("digest", Fact::Digest([9; 32]));
        facts.set("bad", Fact::Word(Word::refused()));
        facts.set("long", Fact::Word(Word::new(&"x".repeat(256)).unwrap()));
        Record {
            index: 7,
            time: Timestamp(1_700_000_000_123),
            clock_back_ms: 3,
            id: [4; 16],
            kind: Kind::Open,
            outcome: Outcome::Pending,
            actor: Actor::Machine { key: KeyId::from_random([1; 16]), owner: UserId::from_random([2; 16]) },
            request: Some(RequestId::from_random([3; 16])),
            facts,
            content: Some(ContentRef { length: 10, sha256: [8; 32] }),
        }
    }

    #[test]
    fn round_trips_for_every_actor_and_without_options() {
        let person = Actor::Person { user: UserId::from_random([5; 16]), session: SessionId::from_random([6; 16]) };
        for actor in [Actor::Unauthenticated, person, sample().actor, Actor::LocalOperator, Actor::Server] {
            for (request, content) in [(None, None), (sample().request, sample().content)] {
                let record = Record { actor: actor.clone(), request, content, ..sample() };
                assert_eq!(Record::decode(&record.encode().unwrap()), Ok(record));
            }
        }
    }

    #[test]
    fn refuses_what_it_would_not_have_written() {
        let good = sample().encode().unwrap();
        for cut in 0..good.len() {
            assert!(Record::decode(&good[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Record::decode(&[&good[..], &[0]].concat()).is_err());
        let mut facts = Facts::new();
        facts.set("Bad Key", Fact::Int(1));
        assert_eq!(Record { facts, ..sample() }.encode(), Err(Unencodable));
        assert!(Facts::new().push_stored("b", Fact::Int(1)).is_ok());
        let mut facts = Facts::new();
        facts.push_stored("b", Fact::Int(1)).unwrap();
        assert!(facts.push_stored("a", Fact::Int(1)).is_err() && facts.push_stored("b", Fact::Int(1)).is_err());
    }

    proptest! {
        /// Whatever decodes is what we would have written: no two encodings of one entry.
        #[test]
        fn decoding_is_canonical(at in 0usize..700, byte: u8, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut bytes = sample().encode().unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(record) = Record::decode(&bytes) {
                prop_assert_eq!(record.encode().unwrap(), bytes);
            }
            prop_assert!(Record::decode(&noise).map_or(true, |r| r.encode().unwrap() == noise));
        }
    }
}
