use std::collections::BTreeMap;

/// How many different paths a report names; the rest is counted under [`Report::OTHER`], so that a
/// hostile input cannot make it grow.
const MAX_PATHS: usize = 500;

/// What was done with a stream, in numbers and names of fields; no value of the input is in it.
/// What was found by class is in [`crate::Rewrite::counts`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Documents: texts, JSON values or lines, FHIR resources, HL7 messages, XML documents, rows.
    pub documents: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// Resource ids and references to them that were renamed.
    pub renamed: u64,
    /// Elements the format's tables do not know, by path (`Patient.favouriteColour`, `ZPI-3`): their
    /// values were searched as free text.
    pub unknown: BTreeMap<String, u64>,
    /// What could not be inspected and was therefore left out, by reason (`attachment of another
    /// type than text (Patient.photo)`).
    pub removed: BTreeMap<String, u64>,
}

impl Report {
    /// Where paths are counted once a report has too many of them.
    pub const OTHER: &'static str = "(others)";

    pub(crate) fn unknown(&mut self, path: &str) {
        count(&mut self.unknown, path);
    }

    pub(crate) fn removed(&mut self, what: &str, path: &str) {
        count(&mut self.removed, &format!("{what} ({path})"));
    }

    /// Adds another report to this one.
    pub fn merge(&mut self, other: &Report) {
        self.documents += other.documents;
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.renamed += other.renamed;
        for (mine, theirs) in [(&mut self.unknown, &other.unknown), (&mut self.removed, &other.removed)] {
            for (path, n) in theirs {
                *slot(mine, path) += n;
            }
        }
    }
}

fn count(counts: &mut BTreeMap<String, u64>, path: &str) {
    *slot(counts, path) += 1;
}

fn slot<'a>(counts: &'a mut BTreeMap<String, u64>, path: &str) -> &'a mut u64 {
    let path = if counts.len() < MAX_PATHS || counts.contains_key(path) { path } else { Report::OTHER };
    counts.entry(path.to_owned()).or_default()
}
