//! Policies: where they come from, what makes them acceptable, what they decide.

mod decide;
mod load;
mod request;
mod trial;

pub(crate) use decide::{Action, Case, Verdict, Who};
pub(crate) use load::Loaded;
pub use request::Asked;
pub(crate) use request::{Decided, decide};
pub use trial::{Answer, BadQuestion, Matrix, Question, Trial};

use crate::error::AuthError;
use medlock_keys::digest::Digest;
use std::path::PathBuf;

/// Where policies come from. The schema is not among it: it is the product's contract with its
/// policies and belongs to the program.
#[derive(Debug, Clone, Default)]
pub enum PolicySource {
    /// The ones that medlock ships.
    #[default]
    Shipped,
    /// Every `*.cedar` file in this directory, in place of the shipped ones.
    Directory(PathBuf),
    /// These texts, in place of the shipped ones.
    Texts(Vec<PolicyText>),
}

/// One text of policies.
#[derive(Debug, Clone)]
pub struct PolicyText {
    /// What mistakes are reported under.
    pub name: String,
    /// Cedar.
    pub text: String,
}

/// What a reload has put in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// SHA-256 over the schema and every policy.
    pub digest: Digest,
    /// The generation; permits of earlier ones are cut.
    pub epoch: u64,
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
            Self::Directory(dir) => read(dir).await.map_err(AuthError::PolicyFiles)?,
        };
        texts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(texts)
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
