//! What callers record: who did what, how it ended, and perhaps content to seal.

use crate::erasable::Holder;
use crate::facts::{Fact, Facts, Word};
use medlock_domain::{Actor, RequestId};
use std::fmt;
use zeroize::Zeroizing;

/// Something to record. Time, index and ids are the writer's.
#[derive(Clone)]
pub struct Entry {
    /// What happened.
    pub kind: Kind,
    /// Who did it.
    pub actor: Actor,
    /// The request it belongs to.
    pub request: Option<RequestId>,
    /// How it ended.
    pub outcome: Outcome,
    /// Numbers, words and digests about it.
    pub facts: Facts,
    /// What to seal with it: may be PHI, is never stored in the clear.
    pub content: Option<Zeroizing<Vec<u8>>>,
    /// Whose keys the content is sealed under as well, in the order of their roles.
    pub(crate) holders: Vec<Holder>,
}

impl Entry {
    /// An entry with outcome [`Outcome::Ok`] and nothing else yet.
    pub fn new(kind: Kind, actor: Actor) -> Self {
        Self {
            kind,
            actor,
            request: None,
            outcome: Outcome::Ok,
            facts: Facts::new(),
            content: None,
            holders: Vec::new(),
        }
    }

    /// Belongs to this request.
    #[must_use]
    pub fn request(mut self, id: RequestId) -> Self {
        self.request = Some(id);
        self
    }

    /// Ended like this.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Adds a number.
    #[must_use]
    pub fn int(mut self, key: &'static str, n: i64) -> Self {
        self.facts.set(key, Fact::Int(n));
        self
    }

    /// Adds a word. Text that is none is left out of the record, which says `(refused)` in its
    /// place: an entry is worth more than one fact of it.
    #[must_use]
    pub fn word(mut self, key: &'static str, text: &str) -> Self {
        self.facts.set(key, Fact::Word(Word::new(text).unwrap_or_else(|_| Word::refused())));
        self
    }

    /// Adds a digest.
    #[must_use]
    pub fn digest(mut self, key: &'static str, digest: [u8; 32]) -> Self {
        self.facts.set(key, Fact::Digest(digest));
        self
    }

    /// Names these keys, and seals the content under them as well: whoever destroys one erases it.
    #[must_use]
    pub fn under(mut self, holders: &[Holder]) -> Self {
        for holder in holders {
            self.holders.retain(|other| other.role != holder.role);
            self.holders.push(holder.clone());
            self = self.word(holder.role.fact(), holder.id.as_str());
        }
        self.holders.sort_by_key(|holder| holder.role);
        self
    }

    /// Adds content, to be sealed.
    #[must_use]
    pub fn content(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.content = Some(Zeroizing::new(bytes.into()));
        self
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("kind", &self.kind)
            .field("actor", &self.actor)
            .field("request", &self.request)
            .field("outcome", &self.outcome)
            .field("facts", &self.facts)
            .field("content_bytes", &self.content.as_ref().map(|c| c.len()))
            .finish()
    }
}

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant = $code,)+ }

        impl $name {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that listings, filters and exports use.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The number in files. Numbers are never reused.
            pub(crate) fn code(self) -> u8 { self as u8 }

            pub(crate) fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
    };
}

closed! {
    /// What an entry is about.
    Kind {
        /// A server began to serve.
        ServerStart = 1 "server_start",
        /// A server stopped in good order.
        ServerStop = 2 "server_stop",
        /// Unfinished bytes were set aside when the log was opened (written by this crate only).
        Recovery = 3 "recovery",
        /// A segment's key and its place in the chain (written by this crate only).
        SegmentStart = 4 "segment_start",
        /// Unauthenticated noise of one source in one minute (see `Log::noise`; this crate only).
        Noise = 5 "noise",
        /// A request was received; its bytes are the content.
        Open = 10 "open",
        /// Policy allowed it, and how.
        Permit = 11 "permit",
        /// Policy or a limit refused it.
        Denied = 12 "denied",
        /// What was found and protected on the way in.
        Findings = 13 "findings",
        /// What is about to be released; the bytes are the content.
        Release = 14 "release",
        /// How a request ended.
        Close = 15 "close",
        /// Somebody logged in.
        LoginOk = 20 "login_ok",
        /// Somebody with a name that exists did not.
        LoginFailed = 21 "login_failed",
        /// Somebody logged out.
        Logout = 22 "logout",
        /// A session was ended by a limit or by somebody else.
        SessionEnded = 23 "session_ended",
        /// A change of state is about to be made.
        AdminIntent = 30 "admin_intent",
        /// It was made, or not.
        AdminOutcome = 31 "admin_outcome",
        /// A policy took effect.
        PolicyLoaded = 32 "policy_loaded",
        /// A model was verified and handed to the engine.
        ModelLoaded = 33 "model_loaded",
        /// The engine process ended.
        EngineDown = 34 "engine_down",
        /// Sealed content of this log was read.
        ContentRead = 40 "content_read",
        /// The log was exported or verified for somebody.
        LogRead = 41 "log_read",
        /// Delivery of the log to a receiver began, broke off, or went on.
        Delivery = 42 "delivery",
    }
}

closed! {
    /// How it ended.
    Outcome {
        /// Done.
        Ok = 1 "ok",
        /// Refused.
        Denied = 2 "denied",
        /// Tried, and did not work.
        Failed = 3 "failed",
        /// Begun, and cut off.
        Aborted = 4 "aborted",
        /// Not known yet; a later entry of the same request says.
        Pending = 5 "pending",
    }
}

impl Kind {
    /// Whether only this crate writes it.
    pub(crate) fn is_internal(self) -> bool {
        matches!(self, Kind::Recovery | Kind::SegmentStart | Kind::Noise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_words_are_distinct_and_round_trip() {
        for (i, k) in Kind::ALL.iter().enumerate() {
            assert_eq!(Kind::from_code(k.code()), Some(*k));
            assert!(Kind::ALL[..i].iter().all(|o| o.as_str() != k.as_str()), "{k}");
        }
        for o in Outcome::ALL {
            assert_eq!(Outcome::from_code(o.code()), Some(*o));
        }
        assert_eq!((Kind::from_code(0), Outcome::from_code(0)), (None, None));
    }

    #[test]
    fn text_that_is_no_word_is_not_recorded() {
        let e = Entry::new(Kind::Open, Actor::Server).word("model", "smollm2").word("note", "Jane Roe");
        assert_eq!((e.facts.word("model"), e.facts.word("note")), (Some("smollm2"), Some("(refused)")));
    }

    #[test]
    fn debug_does_not_show_content() {
        let e = Entry::new(Kind::Open, Actor::Server).content(*b"Jane Roe");
        assert!(!format!("{e:?}").contains("74, 97") && !format!("{e:?}").contains("Jane"));
    }
}
