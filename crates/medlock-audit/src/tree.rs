//! The Merkle tree of RFC 6962 (section 2.1 of RFC 9162): a growing list of leaves whose root
//! commits to all of them and to their order.

use medlock_keys::digest::sha256;

/// A node of the tree.
pub type Hash = [u8; 32];

/// The hash of an entry as a leaf.
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry])
}

pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// The root of no leaves at all.
pub(crate) fn empty_root() -> Hash {
    sha256(&[])
}

/// The largest power of two smaller than `n`, which is at least 2: where RFC 6962 splits.
pub(crate) fn split(n: u64) -> u64 {
    1 << (63 - (n - 1).leading_zeros())
}

/// The roots of the complete subtrees, largest first, one per set bit of `size`: enough to go on.
#[derive(Clone, Default)]
pub(crate) struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Of `size` leaves whose complete subtrees have these roots, largest first.
    pub(crate) fn of(size: u64, peaks: Vec<Hash>) -> Self {
        debug_assert_eq!(peaks.len(), size.count_ones() as usize);
        Self { size, peaks }
    }

    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("one peak per set bit of size");
            hash = node_hash(&left, &hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn root(&self) -> Hash {
        let mut smallest_first = self.peaks.iter().rev();
        let Some(first) = smallest_first.next() else { return empty_root() };
        smallest_first.fold(*first, |right, left| node_hash(left, &right))
    }
}

/// Somewhere that knows the roots of complete subtrees: `node(k, i)` is the one over leaves
/// `i << k .. (i + 1) << k`. Any proof at any size then costs O(log² n) hashes.
pub(crate) trait Nodes {
    type Error;

    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;

    /// The root that the tree had when it held `size` leaves.
    fn root_at(&self, size: u64) -> Result<Hash, Self::Error> {
        self.range(0, size)
    }

    /// The hashes that lead from leaf `index` to the root at `size`, lowest first.
    fn inclusion(&self, index: u64, size: u64) -> Result<Vec<Hash>, Self::Error> {
        let (mut start, mut end, mut path) = (0, size, Vec::new());
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// The hashes that show the tree of `new` leaves to begin with the tree of `old` leaves.
    fn consistency(&self, old: u64, new: u64) -> Result<Vec<Hash>, Self::Error> {
        let mut proof = Vec::new();
        if old > 0 {
            self.subproof(old, 0, new, true, &mut proof)?;
        }
        Ok(proof)
    }

    /// SUBPROOF of RFC 6962, over leaves `start..end`; `whole`: the verifier knows this root.
    fn subproof(&self, old: u64, start: u64, end: u64, whole: bool, proof: &mut Vec<Hash>) -> Result<(), Self::Error> {
        if old == end - start {
            if !whole {
                proof.push(self.range(start, end)?);
            }
            return Ok(());
        }
        let k = split(end - start);
        if old <= k {
            self.subproof(old, start, start + k, whole, proof)?;
            proof.push(self.range(start + k, end)?);
        } else {
            self.subproof(old - k, start + k, end, false, proof)?;
            proof.push(self.range(start, start + k)?);
        }
        Ok(())
    }

    /// The root over leaves `start..end`, which the splits of RFC 6962 have led to.
    fn range(&self, start: u64, end: u64) -> Result<Hash, Self::Error> {
        let width = end - start;
        if width == 0 {
            return Ok(empty_root());
        }
        if width.is_power_of_two() {
            let level = width.trailing_zeros();
            return self.node(level, start >> level);
        }
        let middle = start + split(width);
        Ok(node_hash(&self.range(start, middle)?, &self.range(middle, end)?))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use medlock_keys::digest::hex;
    use std::convert::Infallible;

    /// The whole tree in memory.
    #[derive(Default)]
    pub(crate) struct Tree(Vec<Hash>);

    impl Tree {
        pub(crate) fn push(&mut self, leaf: Hash) {
            self.0.push(leaf);
        }

        pub(crate) fn root(&self) -> Hash {
            self.whole(0, self.0.len() as u64)
        }

        /// [`Nodes::range`] cannot fail here.
        fn whole(&self, start: u64, end: u64) -> Hash {
            let Ok(root) = self.range(start, end);
            root
        }
    }

    impl Nodes for Tree {
        type Error = Infallible;

        fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
            if level == 0 {
                return Ok(self.0[index as usize]);
            }
            let (Ok(left), Ok(right)) = (self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1));
            Ok(node_hash(&left, &right))
        }
    }

    /// The definition, word for word; independent of everything above but the hash.
    pub(crate) fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => sha256(&[]),
            [one] => *one,
            many => {
                let k = many.len().next_power_of_two() / 2;
                sha256(&[&[1], &by_definition(&many[..k]), &by_definition(&many[k..])])
            }
        }
    }

    /// The entries and roots that certificate-transparency's own tests publish.
    #[test]
    fn published_roots() {
        let entries: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let (mut tree, mut frontier) = (Tree::default(), Frontier::default());
        for (n, root) in roots.iter().enumerate() {
            assert_eq!((hex(&tree.root()), hex(&frontier.root())), (root.to_string(), root.to_string()), "{n}");
            if let Some(entry) = entries.get(n) {
                tree.push(leaf_hash(entry));
                frontier.push(leaf_hash(entry));
            }
        }
    }

    #[test]
    fn every_size_equals_the_definition() {
        let leaves: Vec<Hash> = (0..70u32).map(|i| leaf_hash(&i.to_be_bytes())).collect();
        let (mut tree, mut frontier) = (Tree::default(), Frontier::default());
        for n in 0..=leaves.len() {
            assert_eq!(tree.root(), by_definition(&leaves[..n]), "{n}");
            assert_eq!(frontier.root(), tree.root(), "{n}");
            for old in 0..=n {
                assert_eq!(tree.root_at(old as u64), Ok(by_definition(&leaves[..old])), "{old} of {n}");
            }
            if let Some(leaf) = leaves.get(n) {
                tree.push(*leaf);
                frontier.push(*leaf);
            }
        }
    }
}
