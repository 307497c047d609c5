//! Proof that something is in the log: only the writer makes one.

use crate::format::record::RecordId;
use crate::tree::Hash;
use medlock_keys::digest::{Digest, ct_eq, hmac_sha256};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A key that lives as long as one open log, in memory only.
pub(crate) type CoverKey = Arc<Zeroizing<[u8; 32]>>;

/// The entry is durable, and so is a signed checkpoint over it.
#[derive(Clone)]
pub struct Receipt {
    index: u64,
    id: String,
    leaf: Hash,
    content_digest: Option<Digest>,
    cover: Option<Cover>,
}

/// What the content was, as a code that means nothing outside this process: a bare digest of PHI
/// would let anybody who sees it test a guess.
#[derive(Clone)]
pub(crate) struct Cover {
    key: CoverKey,
    code: Digest,
}

impl Cover {
    pub(crate) fn of(key: &CoverKey, content: &[u8]) -> Self {
        Self { key: key.clone(), code: hmac_sha256(&key[..], &[content]) }
    }
}

impl Receipt {
    pub(crate) fn new(index: u64, record: &RecordId, leaf: Hash, sealed: Option<Digest>, cover: Option<Cover>) -> Self {
        Self { index, id: receipt_id(record), leaf, content_digest: sealed, cover }
    }

    /// The entry's place in the log. Not for the outside: it tells the volume.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The opaque name that may go to the caller: `rcp_` and 26 characters.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The leaf of the tree.
    pub fn leaf(&self) -> &Hash {
        &self.leaf
    }

    /// SHA-256 of the *sealed* content, as the entry holds it.
    pub fn content_digest(&self) -> Option<&Digest> {
        self.content_digest.as_ref()
    }

    /// Whether `bytes` are the content that was recorded. What is not covered is not released.
    pub fn covers(&self, bytes: &[u8]) -> bool {
        self.cover.as_ref().is_some_and(|c| ct_eq(&c.code, &hmac_sha256(&c.key[..], &[bytes])))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({} at {})", self.id, self.index)
    }
}

/// Crockford base 32 in lower case, like the ids of `medlock-domain`.
pub(crate) fn receipt_id(record: &RecordId) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let bits = u128::from_be_bytes(*record);
    let digits = (0..26).rev().map(|i| char::from(ALPHABET[(bits >> (5 * i) & 31) as usize]));
    ["rcp_".to_owned(), digits.collect()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_exactly_what_was_recorded() {
        let key: CoverKey = Arc::new(Zeroizing::new([1; 32]));
        let receipt = Receipt::new(0, &[0xab; 16], [0; 32], None, Some(Cover::of(&key, b"window 1")));
        assert!(receipt.covers(b"window 1"));
        assert!(!receipt.covers(b"window 2") && !receipt.covers(b"") && !receipt.covers(b"window 1 "));
        assert!(!Receipt::new(0, &[0; 16], [0; 32], None, None).covers(b""), "no content covers nothing");
        assert_eq!(receipt.id().len(), 30);
        assert!(!format!("{receipt:?}").contains("code"));
    }

    #[test]
    fn ids_look_like_the_other_ids() {
        let request = medlock_domain::RequestId::from_random([0xab; 16]);
        assert_eq!(receipt_id(&[0xab; 16])[4..], request.as_str()[4..]);
    }
}
