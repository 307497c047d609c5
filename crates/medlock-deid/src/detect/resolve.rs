//! From candidates to findings: whatever two overlapping candidates cover stays covered, and the
//! one that contains the other, else the one with the higher priority, says what it is.

use super::candidate::Candidate;

/// Sorted and disjoint.
pub(super) fn resolve(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by_key(|c| (c.start, std::cmp::Reverse(c.end), std::cmp::Reverse(c.rule.priority)));
    let mut out: Vec<Candidate> = Vec::with_capacity(candidates.len());
    for next in candidates {
        match out.last_mut() {
            Some(last) if next.start < last.end => {
                // `last` starts first, or is the longer one: only a longer or a surer reading wins.
                let same = next.start == last.start && next.end == last.end;
                let reaches = next.end > last.end;
                last.take_in(next, (same || reaches) && next.rule.priority > last.rule.priority);
            }
            _ => out.push(next),
        }
    }
    out
}
