//! Policies: where they come from, what makes them acceptable, what they decide.

mod decide;
mod load;
mod request;
mod slice;
mod trial;
mod when;

pub(crate) use decide::{Action, Case, Verdict, Who};
pub(crate) use load::Loaded;
pub use request::Asked;
pub(crate) use request::{Decided, decide};
pub use trial::in_words as given_in_words;
pub use trial::{Answer, BadQuestion, Question, Trial};
pub use when::{When, Zone};

use crate::error::AuthError;
use medlock_keys::digest::{Digest, Sha256};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where policies come from. The schema is not among it: it is the product's contract with its
/// policies and belongs to the program.
#[derive(Debug, Clone, Default)]
pub enum PolicySource {
    /// The ones that medlock ships.
    #[default]
    Shipped,
    /// Every `*.cedar` file in this directory, in place of the shipped ones.
    Directory(PathBuf),
    /// The same, when enough people have signed them.
    Signed(PathBuf, Arc<dyn PolicySeal>),
    /// These texts, in place of the shipped ones.
    Texts(Vec<PolicyText>),
}

/// Whose signatures policies need before they come into force.
pub trait PolicySeal: fmt::Debug + Send + Sync {
    /// The version as which enough of them have signed texts of this digest.
    ///
    /// # Errors
    /// What is missing, in words.
    fn version(&self, note: &str, digest: &Digest) -> Result<u64, String>;
}

/// Where a directory of policies has its signatures.
pub const POLICY_NOTE: &str = "policies.note";

/// Policies as they were found.
pub(crate) struct Found {
    pub(crate) texts: Vec<PolicyText>,
    pub(crate) signed: Option<Signed>,
}

/// That enough people signed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) version: u64,
    pub(crate) digest: Digest,
}

/// One text of policies.
#[derive(Debug, Clone)]
pub struct PolicyText {
    /// What mistakes are reported under.
    pub name: String,
    /// Cedar.
    pub text: String,
}

impl PolicyText {
    /// SHA-256 over these: what people sign. The program's schema is not theirs to sign.
    pub fn digest_of(texts: &[PolicyText]) -> Digest {
        let mut hash = Sha256::new();
        for part in texts.iter().flat_map(|text| [&text.name, &text.text]) {
            hash.update(&(part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finish()
    }

    /// The one that lets nobody change access, policies or content alone. Shipped, and not in force.
    pub fn two_persons() -> Self {
        Self { name: "two-persons.cedar".into(), text: include_str!("../../policies/two-persons.cedar").into() }
    }
}

/// What a reload has put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// SHA-256 over the schema and every policy.
    pub digest: Digest,
    /// The generation; permits of earlier ones are cut.
    pub epoch: u64,
    /// As which version they are signed, where they have to be.
    pub version: Option<u64>,
    /// How many policies there are.
    pub policies: usize,
}

const SHIPPED: [(&str, &str); 8] = [
    ("admin.cedar", include_str!("../../policies/admin.cedar")),
    ("auditor.cedar", include_str!("../../policies/auditor.cedar")),
    ("clinician.cedar", include_str!("../../policies/clinician.cedar")),
    ("everybody.cedar", include_str!("../../policies/everybody.cedar")),
    ("researcher.cedar", include_str!("../../policies/researcher.cedar")),
    ("security-officer.cedar", include_str!("../../policies/security-officer.cedar")),
    ("provisioner.cedar", include_str!("../../policies/provisioner.cedar")),
    ("service.cedar", include_str!("../../policies/service.cedar")),
];

impl PolicySource {
    /// The texts, in the order of their names.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn texts(&self) -> Result<Vec<PolicyText>, AuthError> {
        let mut texts = match self {
            Self::Shipped => SHIPPED.map(|(name, text)| PolicyText { name: name.into(), text: text.into() }).to_vec(),
            Self::Texts(texts) => texts.clone(),
            Self::Directory(dir) | Self::Signed(dir, _) => read(dir).await.map_err(AuthError::PolicyFiles)?,
        };
        texts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(texts)
    }

    /// The texts, with what was signed of them where that has to be.
    pub(crate) async fn found(&self) -> Result<Found, AuthError> {
        let texts = self.texts().await?;
        let Self::Signed(dir, seal) = self else { return Ok(Found { texts, signed: None }) };
        let note = tokio::fs::read_to_string(dir.join(POLICY_NOTE)).await;
        let note = note.map_err(|e| AuthError::PolicySeal(format!("{POLICY_NOTE} beside them cannot be read: {e}")))?;
        let digest = PolicyText::digest_of(&texts);
        let version = seal.version(&note, &digest).map_err(AuthError::PolicySeal)?;
        Ok(Found { texts, signed: Some(Signed { version, digest }) })
    }
}

async fn read(dir: &std::path::Path) -> std::io::Result<Vec<PolicyText>> {
    let mut texts = Vec::new();
    let mut entries = tokio::fs::read_dir(dir).await?;
    while let Some(entry) = entries.next_entry().await? {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "cedar") {
            let name = entry.file_name().to_string_lossy().into_owned();
            texts.push(PolicyText { name, text: tokio::fs::read_to_string(path).await? });
        }
    }
    Ok(texts)
}
