//! The last step: text leaves only against the receipt of the record that holds it.

use medlock_audit::Receipt;
use medlock_deid::RestoredText;
use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Text that may be written to the client: filtered, restored, and durable in the audit log.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Released(String);

impl Released {
    /// The text, for the socket.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Released {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Released({} bytes)", self.0.len())
    }
}

/// Texts on their way out, as one record holds them.
#[derive(Default)]
pub(crate) struct Window(Vec<RestoredText>);

impl Window {
    pub(crate) fn push(&mut self, text: impl IntoIterator<Item = RestoredText>) {
        self.0.extend(text.into_iter().filter(|t| !t.expose().is_empty()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the record is to hold.
    pub(crate) fn content(&self) -> zeroize::Zeroizing<Vec<u8>> {
        let mut all = Vec::with_capacity(self.0.iter().map(|t| t.expose().len()).sum());
        self.0.iter().for_each(|t| all.extend_from_slice(t.expose().as_bytes()));
        zeroize::Zeroizing::new(all)
    }

    /// Gives the text out, if `receipt` is of a record that holds just this.
    pub(crate) fn release(self, receipt: &Receipt) -> Option<Released> {
        let text: String = self.0.iter().map(RestoredText::expose).collect();
        receipt.covers(text.as_bytes()).then_some(Released(text))
    }
}
