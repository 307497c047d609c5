use medlock_domain::{ClassCounts, PhiClass};

/// What a stream of records is rewritten with: the one who knows what an identifier looks like and
/// what is to become of it. The formats decide only *where* something stands.
///
/// `medlock_deid::Deidentifier` is meant to be behind it. Whatever an implementation gives back is
/// written so that the format stays valid: quoted, escaped, or put into the element's own shape.
pub trait Rewrite {
    /// Begins another document. `patient` is the record's own key for whom it is about (a medical
    /// record number, a resource id), the same for every document of that patient in that source.
    fn document(&mut self, patient: Option<&str>);

    /// Free text: searched. `cue` is what the field is called, in lower-case words (`home phone`).
    ///
    /// # Errors
    /// Whatever keeps the text from being rewritten; the stream ends with it.
    fn text(&mut self, cue: Option<&str>, text: &str) -> Result<String, RewriteError>;

    /// A value whose class its field tells, whatever it looks like (`Patient.birthDate`, `PID-19`).
    /// The value's format should be kept: an ISO date stays one, `20050329` stays eight digits.
    ///
    /// # Errors
    /// As for [`Rewrite::text`].
    fn field(&mut self, class: PhiClass, value: &str) -> Result<String, RewriteError>;

    /// A number that stands for the resource id `id` everywhere, given to no other id: what keeps
    /// references whole when several files are one data set. Not to be derived from the id
    /// (45 CFR 164.514(c)). `None`: the run numbers them itself, in the order in which they come.
    ///
    /// # Errors
    /// As for [`Rewrite::text`].
    fn number(&mut self, id: &str) -> Result<Option<u64>, RewriteError> {
        let _ = id;
        Ok(None)
    }

    /// What was found so far, by class.
    fn counts(&self) -> &ClassCounts;
}

/// Why a value could not be rewritten. Must not say what the value was.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RewriteError(Box<dyn std::error::Error + Send + Sync>);

impl RewriteError {
    /// Wraps the reason; it names classes and rules, never a person's text.
    pub fn new(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }
}
