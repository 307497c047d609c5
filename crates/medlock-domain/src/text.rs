//! Text by role, not by representation. What has *passed a step* is a type of that step's crate
//! with a private constructor (`ProtectedText` and `ReleasableText` in `medlock-deid`); what has
//! passed none is here and can be made by anybody.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Text as a caller sent it: assume that it identifies somebody. Not `Display`, not `Serialize`,
/// wiped on drop, read through [`PhiText::expose`] only.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct PhiText(String);

impl PhiText {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Every call is a place to look at when reviewing where PHI goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhiText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhiText({} bytes)", self.0.len())
    }
}

/// What a model said: untrusted, and perhaps PHI, until the output filter has seen it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ModelText(String);

impl ModelText {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The unfiltered text; only the output filter and the audit log have a reason to call this.
    pub fn expose_unfiltered(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ModelText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelText({} bytes)", self.0.len())
    }
}
