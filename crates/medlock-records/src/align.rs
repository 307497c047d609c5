//! Gives the pieces of a text, which was searched as one, their share of what it became.

/// Splits `new` over `pieces`, whose concatenation it replaces. Together the shares are `new`,
/// whatever happens, so that nothing of the old text can come back; what was not changed stays in
/// the piece it stood in, what was put in goes to the piece in which the change begins.
pub(crate) fn shares(pieces: &[&str], new: &str) -> Vec<String> {
    let old: String = pieces.concat();
    let (old_words, new_words) = (words(&old), words(new));
    let kept = common(&old_words, &new_words);
    let mut shares = vec![String::new(); pieces.len()];
    let mut ends = Vec::with_capacity(pieces.len());
    let mut end = 0;
    for piece in pieces {
        end += piece.len();
        ends.push(end);
    }
    let (mut at, mut old_at, mut new_at) = (0, 0, 0);
    // After the last common word comes the end, common to both.
    for (o, n) in kept.into_iter().chain([(old_words.len(), new_words.len())]) {
        let inserted: String = new_words[new_at..n].concat();
        if !inserted.is_empty() {
            shares[piece_of(&ends, at)].push_str(&inserted);
        }
        at += old_words[old_at..o].iter().map(|w| w.len()).sum::<usize>();
        if o < old_words.len() {
            let word = old_words[o];
            let mut rest = word;
            // A word may go on from one piece into the next (`Smi<b>th</b>`).
            while !rest.is_empty() {
                let piece = piece_of(&ends, at);
                let here = rest.len().min(ends[piece] - at);
                shares[piece].push_str(&rest[..here]);
                rest = &rest[here..];
                at += here;
            }
        }
        (old_at, new_at) = (o + 1, n + 1);
    }
    shares
}

/// The piece that the byte `at` of the old text lies in; the last for its end.
fn piece_of(ends: &[usize], at: usize) -> usize {
    ends.partition_point(|end| *end <= at).min(ends.len() - 1)
}

/// Words and what stands between them, a character at a time.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        if at > start && !(in_word && c.is_alphanumeric()) {
            words.push(&text[start..at]);
            start = at;
        }
        in_word = c.is_alphanumeric();
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

/// Most cells of the table in which common words are looked for; what is larger counts as changed
/// as a whole, but for its beginning and end.
const MAX_CELLS: usize = 4_000_000;

/// The places of a longest common subsequence, in order.
fn common(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut kept: Vec<_> = (0..head).map(|i| (i, i)).collect();
    if a.len().saturating_mul(b.len()) <= MAX_CELLS {
        let width = b.len() + 1;
        let mut longest = vec![0u32; (a.len() + 1) * width];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                longest[i * width + j] = if a[i] == b[j] {
                    longest[(i + 1) * width + j + 1] + 1
                } else {
                    longest[(i + 1) * width + j].max(longest[i * width + j + 1])
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() && j < b.len() {
            if a[i] == b[j] {
                kept.push((head + i, head + j));
                (i, j) = (i + 1, j + 1);
            } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
                i += 1;
            } else {
                j += 1;
            }
        }
    }
    kept.extend((0..tail).rev().map(|k| (old.len() - 1 - k, new.len() - 1 - k)));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_kept_stays_in_its_piece() {
        for (pieces, new, expected) in [
            (
                &["Seen by Dr. ", "Henry", " Seven today"][..],
                "Seen by Dr. [NAME] today",
                &["Seen by Dr. ", "[NAME]", " today"][..],
            ),
            (&["Smi", "th was here"], "[NAME] was here", &["[NAME]", " was here"]),
            (&["a ", "b", " c"], "a b c", &["a ", "b", " c"]),
            (&["call ", "555-1212", " or Ann"], "call [PHONE] or [NAME]", &["call ", "[PHONE]", " or [NAME]"]),
            (&["unt", "ouched"], "untouched", &["unt", "ouched"]),
            (&["x", "y"], "", &["", ""]),
        ] {
            assert_eq!(shares(pieces, new), expected, "{pieces:?}");
        }
    }

    proptest! {
        #[test]
        fn the_shares_are_the_new_text(pieces in prop::collection::vec("[a-c é.]{0,6}", 1..5), new in "[a-c é.\\[\\]]{0,20}") {
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let given = shares(&pieces, &new);
            prop_assert_eq!(given.len(), pieces.len());
            prop_assert_eq!(given.concat(), new);
        }
    }
}
