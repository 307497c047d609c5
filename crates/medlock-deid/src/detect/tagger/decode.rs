//! The best sequence of tags (Viterbi).

use super::{OUTSIDE, Scores, TAGS, inside};

/// What it costs to go from one tag to the next: `[from * TAGS + to]`.
pub(crate) type Transitions = [i32; TAGS * TAGS];

/// Whether `to` may follow `from`.
pub(crate) const fn allowed(from: u8, to: u8) -> bool {
    !inside(to) || from == to || from + 1 == to
}

/// The best path, and what it takes to find it.
#[derive(Default)]
pub(crate) struct Path {
    pub(crate) tags: Vec<u8>,
    back: Vec<[u8; TAGS]>,
}

/// Fills in `path.tags`, one for each of `scores`. Before the first and after the last token nothing
/// is anybody's.
pub(crate) fn decode(scores: &[Scores], transitions: &Transitions, path: &mut Path) {
    const NEVER: i32 = i32::MIN / 4;
    path.tags.clear();
    path.back.clear();
    if scores.is_empty() {
        return;
    }
    let mut best = [NEVER; TAGS];
    for (tag, score) in best.iter_mut().enumerate() {
        if allowed(OUTSIDE, tag as u8) {
            *score = scores[0][tag] + transitions[tag];
        }
    }
    path.back.push([0; TAGS]);
    for now in &scores[1..] {
        let (mut next, mut back) = ([NEVER; TAGS], [0u8; TAGS]);
        for to in 0..TAGS {
            let (mut top, mut from) = (NEVER, 0);
            if inside(to as u8) {
                for p in [to - 1, to] {
                    let score = best[p] + transitions[p * TAGS + to];
                    if score > top {
                        (top, from) = (score, p);
                    }
                }
            } else {
                for p in 0..TAGS {
                    let score = best[p] + transitions[p * TAGS + to];
                    if score > top {
                        (top, from) = (score, p);
                    }
                }
            }
            next[to] = (top + now[to]).max(NEVER);
            back[to] = from as u8;
        }
        best = next;
        path.back.push(back);
    }
    let mut tag = (0..TAGS).max_by_key(|t| (best[*t] + transitions[*t * TAGS], std::cmp::Reverse(*t))).unwrap_or(0);
    path.tags.resize(scores.len(), 0);
    for i in (0..scores.len()).rev() {
        path.tags[i] = tag as u8;
        tag = path.back[i][tag] as usize;
    }
}
