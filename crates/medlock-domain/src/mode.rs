use crate::{PhiClass, PhiClasses};
use std::fmt;
use std::str::FromStr;

/// What happens to identifiers on their way to the model. The stricter, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProtectionMode {
    /// Raw PHI to the model: only a verified local model, only with a permit that says so.
    Identified,
    /// Realistic stand-ins of the same kind, restored in the answer. They show more than placeholders: a
    /// number's pattern, a name's gender, what lies between two dates.
    Surrogate,
    /// Typed placeholders such as `[NAME-1]`, restored in the answer.
    Tokenize,
    /// The class only, such as `[NAME]`; nothing can be restored.
    Redact,
    /// A request with identifiers is refused.
    Block,
}

/// How a request is protected: the mode, and the classes that it needs no more of (the minimum necessary, 45 CFR 164.502(b)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Protection {
    /// What happens to identifiers.
    pub mode: ProtectionMode,
    /// The classes that pass as they are in `identified` mode; the others become placeholders.
    pub identified: PhiClasses,
    /// The classes that may be put back into the answer; the others stay placeholders.
    pub restored: PhiClasses,
}

impl Protection {
    /// The strictest treated of the classes that a stretch of text was read as; `class` where it is no less
    /// strictly treated than the others.
    pub fn strictest(&self, class: PhiClass, read_as: PhiClasses) -> PhiClass {
        let strictness = |c: PhiClass| match (self.mode, self.restored.contains(c)) {
            (ProtectionMode::Identified, _) if self.identified.contains(c) => 0,
            (_, true) => 1,
            (_, false) => 2,
        };
        read_as.iter().fold(class, |most, c| if strictness(c) > strictness(most) { c } else { most })
    }
}

impl From<ProtectionMode> for Protection {
    /// Of every class.
    fn from(mode: ProtectionMode) -> Self {
        Self { mode, identified: PhiClasses::ALL, restored: PhiClasses::ALL }
    }
}

impl ProtectionMode {
    /// Every mode there is, weakest first.
    pub const ALL: [ProtectionMode; 5] = [Self::Identified, Self::Surrogate, Self::Tokenize, Self::Redact, Self::Block];

    /// The word that policies, configuration and records use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identified => "identified",
            Self::Surrogate => "surrogate",
            Self::Tokenize => "tokenize",
            Self::Redact => "redact",
            Self::Block => "block",
        }
    }
}

impl fmt::Display for ProtectionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProtectionMode {
    type Err = crate::BadId;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|m| m.as_str() == s).ok_or(crate::BadId {
            kind: "protection mode",
            expected: "identified, surrogate, tokenize, redact or block",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PhiClass::{Name, Ssn, Url};

    #[test]
    fn the_strictest_rule_of_a_stretch_is_its_own() {
        let classes = |of: &[PhiClass]| of.iter().copied().collect::<PhiClasses>();
        let (identified, restored) = (classes(&[Name]), classes(&[Name, Url]));
        let read_as = classes(&[Name, Ssn, Url]);
        let p = Protection { mode: ProtectionMode::Identified, identified, restored };
        assert_eq!(p.strictest(Name, read_as), Ssn);
        assert_eq!(p.strictest(Name, classes(&[Name, Url])), Url, "placeholders are stricter than nothing");
        assert_eq!(p.strictest(Name, classes(&[Name])), Name);
        let p = Protection { mode: ProtectionMode::Tokenize, ..p };
        assert_eq!(p.strictest(Url, classes(&[Name, Url])), Url, "alike: what it is");
        assert_eq!(p.strictest(Url, read_as), Ssn);
        assert_eq!(Protection::from(ProtectionMode::Tokenize).strictest(Url, PhiClasses::ALL), Url);
    }
}
