//! Whose signatures are enough: C2SP tlog-policy.
//!
//! ```text
//! witness east  east.example+1f2e3d4c+BA…   https://east.example:8443
//! witness west  west.example+5a6b7c8d+BA…   https://west.example:8443
//! group both all east west
//! quorum both
//! ```

use super::CosignerName;
use crate::note::BadNote;
use std::collections::BTreeSet;

/// Witnesses, and which of them are enough.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    witnesses: Vec<Listed>,
    groups: Vec<Group>,
    quorum: Option<Member>,
}

/// A witness of a policy.
#[derive(Debug, Clone)]
pub struct Listed {
    label: String,
    name: CosignerName,
    url: Option<String>,
}

impl Listed {
    /// Its name and key.
    pub fn name(&self) -> &CosignerName {
        &self.name
    }

    /// Where it is asked.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }
}

#[derive(Debug, Clone)]
struct Group {
    label: String,
    threshold: usize,
    members: Vec<Member>,
}

/// By its place in the list, which stands before whoever names it: there are no circles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// A policy that is malformed, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct BadPolicy {
    line: usize,
    what: String,
}

impl Policy {
    /// Reads a policy. Lines that begin with `#` are comments; every other line must be understood.
    pub fn parse(text: &str) -> Result<Self, BadPolicy> {
        let mut policy = Self::default();
        let mut quorum = None;
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let bad = |what: &str| BadPolicy { line: number, what: what.to_owned() };
            match words[..] {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["witness", label, vkey] => policy.witness(label, vkey, None).map_err(|e| bad(&e))?,
                ["witness", label, vkey, url] => policy.witness(label, vkey, Some(url)).map_err(|e| bad(&e))?,
                ["group", label, threshold, ref members @ ..] => {
                    policy.group(label, threshold, members).map_err(|e| bad(&e))?;
                }
                ["quorum", label] if quorum.is_none() => {
                    quorum = Some(match label {
                        "none" => None,
                        label => Some(policy.member(label).map_err(|e| bad(&e))?),
                    });
                }
                ["quorum", _] => return Err(bad("there is a quorum already")),
                ["log", ..] => return Err(bad("the log is this one: leave the line out")),
                _ => {
                    return Err(bad(
                        "not one of: witness LABEL KEY [URL], group LABEL N|any|all MEMBER…, quorum LABEL|none",
                    ));
                }
            }
        }
        let last = text.lines().count().max(1);
        policy.quorum = quorum.ok_or(BadPolicy { line: last, what: "no line says the quorum".to_owned() })?;
        Ok(policy)
    }

    fn witness(&mut self, label: &str, vkey: &str, url: Option<&str>) -> Result<(), String> {
        self.is_new(label)?;
        let name = CosignerName::parse(vkey).map_err(|e: BadNote| format!("the key of {label} is {e}"))?;
        if self.witnesses.iter().any(|w| w.name.name() == name.name()) {
            return Err(format!("{label} has the name of another witness"));
        }
        if url.is_some_and(|url| !url.starts_with("https://")) {
            return Err(format!("the URL of {label} does not begin with https://"));
        }
        let url = url.map(|url| url.trim_end_matches('/').to_owned());
        self.witnesses.push(Listed { label: label.to_owned(), name, url });
        Ok(())
    }

    fn group(&mut self, label: &str, threshold: &str, members: &[&str]) -> Result<(), String> {
        self.is_new(label)?;
        let found = members.iter().map(|m| self.member(m)).collect::<Result<Vec<_>, _>>()?;
        if members.iter().collect::<BTreeSet<_>>().len() != members.len() {
            return Err(format!("group {label} names a member twice"));
        }
        let threshold = match threshold {
            "any" => 1,
            "all" => found.len(),
            n => crate::proof::decimal(n).and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        };
        if threshold == 0 || threshold > found.len() {
            return Err(format!("group {label} asks for a number of its members that it does not have"));
        }
        self.groups.push(Group { label: label.to_owned(), threshold, members: found });
        Ok(())
    }

    fn is_new(&self, label: &str) -> Result<(), String> {
        if label == "none" || self.member(label).is_ok() {
            return Err(format!("the label {label} is taken"));
        }
        Ok(())
    }

    fn member(&self, label: &str) -> Result<Member, String> {
        let witness = self.witnesses.iter().position(|w| w.label == label).map(Member::Witness);
        let group = || self.groups.iter().position(|g| g.label == label).map(Member::Group);
        witness.or_else(group).ok_or_else(|| format!("no line above names {label}"))
    }

    /// The witnesses that it lists.
    pub fn witnesses(&self) -> &[Listed] {
        &self.witnesses
    }

    /// Whether it asks for any signature at all.
    pub fn demands(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether these are enough.
    pub(crate) fn is_met_by(&self, signers: &[&CosignerName]) -> bool {
        self.quorum.is_none_or(|quorum| self.met(quorum, signers))
    }

    fn met(&self, member: Member, signers: &[&CosignerName]) -> bool {
        match member {
            Member::Witness(at) => signers.iter().any(|s| s.name() == self.witnesses[at].name.name()),
            Member::Group(at) => {
                let Group { threshold, members, .. } = &self.groups[at];
                members.iter().filter(|m| self.met(**m, signers)).count() >= *threshold
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use medlock_keys::sign::SigningKey;

    fn vkey(name: &str) -> String {
        CosignerName::new(name, SigningKey::generate().public()).unwrap().vkey().trim_end().to_owned()
    }

    #[test]
    fn quorums_of_groups_of_groups() {
        let [a, b, c] = ["a", "b", "c"].map(vkey);
        let text = format!(
            "# who watches\nwitness A {a} https://a:1/\nwitness B {b}\nwitness C {c}\n\ngroup ab all A B\n\
             group any any ab C\nquorum any\n"
        );
        let policy = Policy::parse(&text).unwrap();
        assert_eq!(policy.witnesses()[0].url(), Some("https://a:1"));
        let met = |names: &[&str]| {
            let signers: Vec<_> =
                policy.witnesses.iter().map(|w| &w.name).filter(|n| names.contains(&n.name())).collect();
            policy.is_met_by(&signers)
        };
        assert!(met(&["a", "b"]) && met(&["c"]) && met(&["a", "c"]));
        assert!(!met(&[]) && !met(&["a"]) && !met(&["b"]));
        assert!(Policy::parse("quorum none").unwrap().is_met_by(&[]));
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        let (a, witness) = (vkey("a"), format!("witness A {}", vkey("x")));
        for (text, line) in [
            (String::new(), 1),
            ("witness A nonsense\nquorum A".into(), 1),
            (format!("witness A {a} http://a\nquorum A"), 1),
            (format!("{witness}\n{witness}\nquorum A"), 2),
            (format!("{witness}\nquorum B"), 2),
            (format!("{witness}\ngroup g 2 A\nquorum g"), 2),
            (format!("{witness}\ngroup g 0 A\nquorum g"), 2),
            (format!("{witness}\ngroup g 2 A A\nquorum g"), 2),
            (format!("{witness}\nquorum A\nquorum A"), 3),
            (format!("{witness}\nquorom A"), 2),
            ("log a\nquorum none".into(), 1),
        ] {
            assert_eq!(Policy::parse(&text).unwrap_err().line, line, "{text}");
        }
    }
}
