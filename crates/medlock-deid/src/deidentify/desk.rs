//! Where the replacements of one scope are looked up, kept and drawn.

use medlock_domain::PhiClass;
use zeroize::Zeroizing;

use super::fold::fold;
use super::seen::Seen;
use super::surrogate::Desk;
use super::vault::{Entry, Holder, Page, Vault, VaultError};
use crate::Detector;

/// A vault, or the page of the document where the scope is that.
pub(crate) struct ScopeDesk<'a, V: Vault> {
    pub(crate) detector: &'a Detector,
    pub(crate) vault: &'a mut V,
    pub(crate) page: &'a mut Page,
    pub(crate) holder: Option<Holder<'a>>,
    pub(crate) seen: &'a Seen,
    /// What is being worked on.
    pub(crate) text: &'a str,
}

impl<V: Vault> Desk for ScopeDesk<'_, V> {
    fn random(&mut self, out: &mut [u8]) -> Result<(), VaultError> {
        self.vault.random(out)
    }

    fn known(&mut self, class: PhiClass, key: &str) -> Result<Option<Zeroizing<String>>, VaultError> {
        match self.holder {
            Some(holder) => self.vault.get(holder, class, key),
            None => Ok(self.page.get(class, key)),
        }
    }

    fn keep(
        &mut self,
        class: PhiClass,
        key: &str,
        original: &str,
        stand_in: &str,
    ) -> Result<Zeroizing<String>, VaultError> {
        let entry = Entry { class, key: key.into(), original: original.into(), replacement: stand_in.into() };
        match self.holder {
            Some(holder) => self.vault.put(holder, entry),
            None => Ok(self.page.put(entry)),
        }
    }

    fn is_free(&mut self, stand_in: &str) -> Result<bool, VaultError> {
        let mark = fold(stand_in);
        if self.page.taken(&mark) || self.seen.has(&mark) || self.text.contains(stand_in) {
            return Ok(false);
        }
        // A plain word would be taken for the stand-in wherever it is meant as itself.
        let plain = stand_in.bytes().all(|b| b.is_ascii_alphabetic()) && self.detector.is_ordinary(&mark);
        Ok(!plain && !self.holder.map(|h| self.vault.taken(h, &mark)).transpose()?.unwrap_or(false))
    }
}
