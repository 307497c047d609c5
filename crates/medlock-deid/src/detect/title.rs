//! Titles before a name belong to what is found, since with the name gone they still tell sex and
//! trade; whoever puts a stand-in into the text may leave them ([`after`]).

use medlock_domain::{Finding, PhiClass};

use super::candidate::Candidate;

const TITLES: [&str; 22] = [
    "dr",
    "mr",
    "mrs",
    "ms",
    "miss",
    "mx",
    "prof",
    "professor",
    "doctor",
    "rev",
    "sr",
    "sra",
    "srta",
    "dra",
    "herr",
    "frau",
    "mme",
    "mlle",
    "sir",
    "drs",
    "doc",
    "sgt",
];
const LONGEST: usize = 9;

/// Where a title that ends at `end` begins, its full stop and the space after it included.
fn before(text: &str, end: usize) -> Option<usize> {
    let spaced = text[..end].trim_end_matches(' ');
    let word = spaced.strip_suffix('.').unwrap_or(spaced);
    if end - word.len() > 3 || end == word.len() {
        return None;
    }
    let letters = word.bytes().rev().take(LONGEST + 1).take_while(u8::is_ascii_alphabetic).count();
    let start = word.len() - letters;
    let whole = !text[..start].ends_with(|c: char| c.is_alphanumeric() || matches!(c, '\'' | '-' | '/' | '_'));
    (whole && TITLES.iter().any(|t| t.eq_ignore_ascii_case(&word[start..]))).then_some(start)
}

/// Takes the titles before names in.
pub(super) fn take_in(text: &str, found: &mut [Candidate]) {
    let mut end = 0;
    for c in found {
        if c.class == PhiClass::Name {
            while let Some(start) = before(text, c.start).filter(|s| *s >= end) {
                c.start = start;
            }
        }
        end = c.end;
    }
}

/// How many bytes of a name are the titles before it.
pub(crate) fn after(name: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &name[at..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let word = &rest[..letters];
        let gap = rest[letters..].strip_prefix('.').unwrap_or(&rest[letters..]);
        let next = gap.trim_start_matches(' ');
        if next.is_empty() || next.len() == rest.len() - letters || !TITLES.iter().any(|t| t.eq_ignore_ascii_case(word))
        {
            return at;
        }
        at = name.len() - next.len();
    }
}

/// Leaves the titles out of the names found in `text`, for whoever puts a stand-in there: a model that
/// reads `Dr. [NAME-1]` knows more of who did what.
pub(crate) fn leave(text: &str, found: &mut [Finding]) {
    for f in found.iter_mut().filter(|f| f.class == PhiClass::Name) {
        f.span.start += after(&text[f.span.start..f.span.end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_told_from_words() {
        for (name, at) in
            [("Dr. Smith", 4), ("Mr Jones", 3), ("Prof. Dr. Vogel", 10), ("Drew Smith", 0), ("Ms.", 0), ("Dr.Who", 3)]
        {
            assert_eq!(after(name), at, "{name}");
        }
        let text = "seen by Prof. Dr.  Vogel";
        assert_eq!(before(text, text.len() - 5), Some(14));
        assert_eq!(before("a/dr. Smith", 6), None);
        assert_eq!(before("Dr\nSmith", 3), None);
    }
}
