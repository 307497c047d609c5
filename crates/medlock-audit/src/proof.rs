//! Checking what the log claims: that an entry is in it, and that it only ever grew.

use crate::note::{BadNote, Checkpoint, LogName};
use crate::tree::{Hash, empty_root, leaf_hash, node_hash, split};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Shows that an entry is in the log that a checkpoint signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Which entry.
    pub index: u64,
    /// In the log of how many entries.
    pub size: u64,
    /// With which root.
    pub root: Hash,
    /// The hashes from the leaf up to the root.
    pub path: Vec<Hash>,
    /// The signed note over `size` and `root`.
    pub checkpoint: String,
}

impl InclusionProof {
    /// Whether `leaf` (the entry's stored bytes) is entry `index` of the log with this root. Whether
    /// the root is the log's own is for [`crate::Checkpoint::verify`] on `checkpoint`.
    pub fn proves(&self, leaf: &[u8]) -> bool {
        verify_inclusion(leaf, self.index, self.size, &self.path, &self.root)
    }

    /// As C2SP tlog-proof, for tools that we did not write. The entry goes with it as the extra data, so
    /// that the text says what it proves.
    pub fn to_text(&self, leaf: &[u8]) -> String {
        let (extra, index) = (BASE64.encode(leaf), self.index);
        let hashes: String = self.path.iter().map(|hash| format!("{}\n", BASE64.encode(hash))).collect();
        format!("{TLOG_PROOF}\nextra {extra}\nindex {index}\n{hashes}\n{}", self.checkpoint)
    }

    /// Reads a C2SP tlog-proof of the log `name`, and its extra data. Checks the checkpoint's signature;
    /// whether the extra data is the entry is for [`InclusionProof::proves`].
    pub fn parse(text: &str, name: &LogName) -> Result<(Self, Option<Vec<u8>>), BadNote> {
        let malformed = |what| BadNote::Malformed(what);
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed("a proof without its checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(TLOG_PROOF) {
            return Err(malformed("not a C2SP tlog-proof"));
        }
        let extra = lines.next_if(|line| line.starts_with("extra ")).map(|line| BASE64.decode(&line[6..]));
        let extra = extra.transpose().map_err(|_| malformed("the extra data of a proof"))?;
        let index =
            lines.next().and_then(|l| l.strip_prefix("index ")).ok_or(malformed("a proof without its index"))?;
        let index = decimal(index).ok_or(malformed("the index of a proof"))?;
        let path = lines.map(hash).collect::<Option<Vec<_>>>().ok_or(malformed("a hash of a proof"))?;
        let Checkpoint { size, root } = Checkpoint::verify(checkpoint, name)?;
        Ok((Self { index, size, root, path, checkpoint: checkpoint.to_owned() }, extra))
    }
}

/// The first line of a C2SP tlog-proof.
const TLOG_PROOF: &str = "c2sp.org/tlog-proof@v1";

/// A number in its one spelling.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A hash in its one spelling.
pub(crate) fn hash(base64: &str) -> Option<Hash> {
    BASE64.decode(base64).ok()?.try_into().ok()
}

/// Shows that a log begins with the entries that an older checkpoint covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// What the older checkpoint says.
    pub old: Checkpoint,
    /// The log now: so many entries.
    pub size: u64,
    /// With this root.
    pub root: Hash,
    /// The hashes of RFC 9162, 2.1.4.
    pub path: Vec<Hash>,
    /// The signed note over `size` and `root`.
    pub checkpoint: String,
}

impl ConsistencyProof {
    /// As the body of a request to a C2SP witness: the old size, the hashes, the new checkpoint.
    pub fn to_text(&self) -> String {
        let hashes: String = self.path.iter().map(|hash| format!("{}\n", BASE64.encode(hash))).collect();
        format!("old {}\n{hashes}\n{}", self.old.size, self.checkpoint)
    }

    /// Whether it holds. Whether the roots are the log's own is for [`crate::Checkpoint::verify`].
    pub fn holds(&self) -> bool {
        verify_consistency(self.old.size, &self.old.root, self.size, &self.root, &self.path)
    }
}

/// Whether `leaf` is entry `index` in the tree of `size` entries with this `root`
/// (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(leaf: &[u8], index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    // Walk down to the leaf, noting at each turn on which side the other half lies.
    let (mut at, mut width, mut other_is_right) = (index, size, Vec::new());
    while width > 1 {
        let k = split(width);
        other_is_right.push(at < k);
        (at, width) = if at < k { (at, k) } else { (at - k, width - k) };
    }
    if other_is_right.len() != path.len() {
        return false;
    }
    let up = other_is_right.iter().rev().zip(path);
    let reached = up.fold(
        leaf_hash(leaf),
        |hash, (right, other)| {
            if *right { node_hash(&hash, other) } else { node_hash(other, &hash) }
        },
    );
    reached == *root
}

/// Whether the tree of `new_size` entries with `new_root` begins with the `old_size` entries that
/// `old_root` commits to (RFC 9162, 2.1.4.2).
pub fn verify_consistency(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, proof: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let mut rest = proof;
    let roots = both_roots(old_size, new_size, true, old_root, &mut rest);
    rest.is_empty() && roots == Some((*old_root, *new_root))
}

/// The old and the new root that a proof leads to; takes its hashes from the end of `rest`.
fn both_roots(old: u64, new: u64, whole: bool, old_root: &Hash, rest: &mut &[Hash]) -> Option<(Hash, Hash)> {
    if old == new {
        let same = if whole { *old_root } else { take_last(rest)? };
        return Some((same, same));
    }
    let k = split(new);
    let other = take_last(rest)?;
    if old <= k {
        let (old_hash, left) = both_roots(old, k, whole, old_root, rest)?;
        Some((old_hash, node_hash(&left, &other)))
    } else {
        let (old_right, new_right) = both_roots(old - k, new - k, false, old_root, rest)?;
        Some((node_hash(&other, &old_right), node_hash(&other, &new_right)))
    }
}

fn take_last(rest: &mut &[Hash]) -> Option<Hash> {
    let (last, before) = rest.split_last()?;
    *rest = before;
    Some(*last)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::tree::Nodes as _;
    use crate::tree::tests::{Tree, by_definition};
    use proptest::prelude::*;

    /// PATH of RFC 6962, word for word.
    fn path(m: usize, d: &[Hash]) -> Vec<Hash> {
        if d.len() == 1 {
            return vec![];
        }
        let k = d.len().next_power_of_two() / 2;
        let (mut below, other) = if m < k {
            (path(m, &d[..k]), by_definition(&d[k..]))
        } else {
            (path(m - k, &d[k..]), by_definition(&d[..k]))
        };
        below.push(other);
        below
    }

    /// SUBPROOF of RFC 6962, word for word.
    fn subproof(m: usize, d: &[Hash], b: bool) -> Vec<Hash> {
        if m == d.len() {
            return if b { vec![] } else { vec![by_definition(d)] };
        }
        let k = d.len().next_power_of_two() / 2;
        let (mut below, other) = if m <= k {
            (subproof(m, &d[..k], b), by_definition(&d[k..]))
        } else {
            (subproof(m - k, &d[k..], false), by_definition(&d[..k]))
        };
        below.push(other);
        below
    }

    fn grown(n: usize) -> (Tree, Vec<Hash>) {
        let leaves: Vec<Hash> = (0..n).map(|i| leaf_hash(&(i as u64).to_be_bytes())).collect();
        let mut tree = Tree::default();
        leaves.iter().for_each(|l| tree.push(*l));
        (tree, leaves)
    }

    proptest! {
        #[test]
        fn inclusion_is_by_definition_and_nothing_else_verifies(n in 1usize..200, i in 0usize..200, flip in 0usize..256) {
            let (tree, leaves) = grown(n);
            let i = i % n;
            let (index, size, leaf) = (i as u64, n as u64, (i as u64).to_be_bytes());
            let proof = tree.inclusion(index, size).unwrap();
            prop_assert_eq!(&proof, &path(i, &leaves));
            let root = tree.root();
            prop_assert!(verify_inclusion(&leaf, index, size, &proof, &root));
            // Another leaf, a longer or shorter path, one wrong bit, a place past the end.
            prop_assert!(!verify_inclusion(b"other", index, size, &proof, &root));
            prop_assert!(!verify_inclusion(&leaf, size, size, &proof, &root));
            prop_assert!(!verify_inclusion(&leaf, index, size, &[proof.clone(), vec![root]].concat(), &root));
            if let Some((_, short)) = proof.split_last() {
                prop_assert!(!verify_inclusion(&leaf, index, size, short, &root));
                let mut wrong = proof.clone();
                wrong[flip % proof.len()][flip / 8 % 32] ^= 1 << (flip % 8);
                prop_assert!(!verify_inclusion(&leaf, index, size, &wrong, &root));
                prop_assert!(!verify_inclusion(&leaf, (index + 1) % size, size, &proof, &root));
            }
        }

        #[test]
        fn consistency_is_by_definition_and_nothing_else_verifies(n in 1usize..200, m in 0usize..201, flip in 0usize..256) {
            let (tree, leaves) = grown(n);
            let m = m % (n + 1);
            let proof = tree.consistency(m as u64, n as u64).unwrap();
            let expected = if m == 0 { vec![] } else { subproof(m, &leaves, true) };
            prop_assert_eq!(&proof, &expected);
            let (old, new) = (by_definition(&leaves[..m]), tree.root());
            let holds = |old: &Hash, new: &Hash, p: &[Hash]| verify_consistency(m as u64, old, n as u64, new, p);
            prop_assert!(holds(&old, &new, &proof));
            prop_assert!(!holds(&[7; 32], &new, &proof));
            prop_assert!(m == 0 || !holds(&old, &[7; 32], &proof));
            prop_assert!(!holds(&old, &new, &[proof.clone(), vec![new]].concat()));
            if !proof.is_empty() {
                let mut wrong = proof.clone();
                wrong[flip % proof.len()][flip / 8 % 32] ^= 1 << (flip % 8);
                prop_assert!(!holds(&old, &new, &wrong));
            }
        }
    }

    #[test]
    fn a_log_does_not_shrink() {
        let (tree, _) = grown(5);
        assert!(!verify_consistency(6, &[0; 32], 5, &tree.root(), &[]));
    }
}
