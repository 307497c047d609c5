//! The MAC of a row: HMAC-SHA-256 over the table's name and its columns, each with its length, so
//! that no two rows have the same bytes.

use medlock_keys::digest::{ct_eq, hmac_sha256};
use medlock_keys::seal::DataKey;

pub(crate) struct RowMac(DataKey);

/// The columns of one row, in order.
pub(crate) struct Columns(Vec<u8>);

impl Columns {
    pub(crate) fn of(table: &str) -> Self {
        Self(Vec::new()).bytes(table.as_bytes())
    }

    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        self.0.extend_from_slice(&(value.len() as u64).to_be_bytes());
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(self, value: &str) -> Self {
        self.bytes(value.as_bytes())
    }

    pub(crate) fn int(self, value: i64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Nothing is not the same as an empty value.
    pub(crate) fn maybe(self, value: Option<&[u8]>) -> Self {
        match value {
            None => self.bytes(&[0]),
            Some(v) => self.bytes(&[1]).bytes(v),
        }
    }

    pub(crate) fn maybe_int(self, value: Option<i64>) -> Self {
        self.maybe(value.map(i64::to_be_bytes).as_ref().map(|b| &b[..]))
    }
}

impl RowMac {
    pub(crate) fn new(key: DataKey) -> Self {
        Self(key)
    }

    pub(crate) fn make(&self, columns: &Columns) -> Vec<u8> {
        hmac_sha256(self.0.expose(), &[&columns.0]).to_vec()
    }

    pub(crate) fn check(&self, columns: &Columns, mac: &[u8]) -> bool {
        ct_eq(&hmac_sha256(self.0.expose(), &[&columns.0]), mac)
    }
}
