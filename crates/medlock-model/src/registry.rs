//! The models that lie on this disk. Every file is checked against the catalogue before it is used;
//! one that does not match is moved aside and never used.

mod check;
mod imported;
mod manifest;

pub use imported::{Brought, Version};
pub use manifest::{BadValue, Manifest, ModelSeal};

use crate::fetch::{self, Fetcher};
use crate::{Catalogue, Entry, ModelError};
use medlock_domain::ModelName;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const QUARANTINE: &str = "quarantine";

/// Told about what a pull or a check is doing.
pub trait Progress: Send + Sync {
    /// A new stage begins: a few words of ours.
    fn stage(&self, what: &str);
    /// So many bytes of so many in this stage; a total of 0 means that it is not known.
    fn bytes(&self, done: u64, total: u64);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _: &str) {}
    fn bytes(&self, _: u64, _: u64) {}
}

/// Where to pull from. The caller reads the environment, not this crate.
#[derive(Debug, Clone)]
pub struct PullOptions {
    /// The Hugging Face endpoint (`HF_ENDPOINT`); none takes the public one.
    pub hf_endpoint: Option<String>,
    /// The Python that `pip` belongs to.
    pub python: PathBuf,
}

impl Default for PullOptions {
    fn default() -> Self {
        Self { hf_endpoint: None, python: "python3".into() }
    }
}

/// A model file that had the catalogued size and digest when it was last read. An engine hashes it
/// once more while copying, so a change after this cannot get through either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedModel {
    entry: Entry,
    path: PathBuf,
}

impl VerifiedModel {
    /// The catalogue's name.
    pub fn name(&self) -> &ModelName {
        &self.entry.name
    }

    /// What is said of it: licence, what it is meant for, what to know before relying on it.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.entry.size
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.entry.sha256
    }
}

/// What is known about a model's file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not pulled.
    Missing,
    /// There, with the catalogued size; [`Registry::verify`] reads it.
    Present,
    /// There, but of another size: it will be refused.
    WrongSize,
}

/// A line of [`Registry::list`].
#[derive(Debug, Clone)]
pub struct Listed {
    /// What the catalogue says.
    pub entry: Entry,
    /// What the disk says.
    pub state: State,
}

/// The models directory.
#[derive(Debug, Clone)]
pub struct Registry {
    directory: PathBuf,
    catalogue: Catalogue,
    options: PullOptions,
    seal: Option<Arc<dyn ModelSeal>>,
}

impl Registry {
    /// Opens the directory, making it where it is missing.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, ModelError> {
        let directory = directory.into();
        make_directory(&directory)?;
        Ok(Self { directory, catalogue: Catalogue::shipped(), options: PullOptions::default(), seal: None })
    }

    /// With another catalogue than the shipped one.
    pub fn with_catalogue(mut self, catalogue: Catalogue) -> Self {
        self.catalogue = catalogue;
        self
    }

    /// With other places to pull from.
    pub fn with_options(mut self, options: PullOptions) -> Self {
        self.options = options;
        self
    }

    /// With those whose signatures models of the site need.
    pub fn with_seal(mut self, seal: Option<Arc<dyn ModelSeal>>) -> Self {
        self.seal = seal;
        self
    }

    /// What is loaded under this name: what the site has promoted, or what the catalogue has.
    fn entry(&self, name: &ModelName) -> Result<Entry, ModelError> {
        match self.promoted(name)? {
            Some(entry) => Ok(entry),
            None => self.catalogue.get(name).cloned().ok_or(ModelError::Unknown),
        }
    }

    /// The catalogue in use.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Where this model's file lies or would lie.
    pub fn path(&self, name: &ModelName) -> Result<PathBuf, ModelError> {
        self.entry(name).map(|e| self.path_of(&e))
    }

    /// Every model of the catalogue, and whether it is here. Reads no file.
    pub fn list(&self) -> Vec<Listed> {
        let state = |entry: &Entry| match fs::metadata(self.path_of(entry)) {
            Err(_) => State::Missing,
            Ok(m) if m.is_file() && m.len() == entry.size => State::Present,
            Ok(_) => State::WrongSize,
        };
        self.catalogue.entries().iter().map(|e| Listed { entry: e.clone(), state: state(e) }).collect()
    }

    /// Reads the whole file and compares it with the catalogue.
    pub async fn verify(&self, name: &ModelName) -> Result<VerifiedModel, ModelError> {
        self.verify_with(name, &Quiet).await
    }

    /// As [`Registry::verify`], with progress.
    pub async fn verify_with(&self, name: &ModelName, progress: &dyn Progress) -> Result<VerifiedModel, ModelError> {
        let entry = self.entry(name)?;
        let path = self.path_of(&entry);
        progress.stage("checking the model");
        self.accept(&entry, &path, progress).await?;
        Ok(VerifiedModel { entry, path })
    }

    /// Gets a model and verifies it. One that is here already is verified and not fetched again.
    ///
    /// Fetching over HTTPS needs the process' TLS provider to be installed.
    pub async fn pull(&self, name: &ModelName, progress: &dyn Progress) -> Result<VerifiedModel, ModelError> {
        match self.verify_with(name, progress).await {
            Err(ModelError::Missing { .. } | ModelError::Refused { .. }) => {}
            done => return done,
        }
        let entry = self.catalogue.get(name).ok_or(ModelError::Unknown)?;
        let work = fetch::WorkDirectory::create(&self.directory)?;
        let fetcher = Fetcher { entry, options: &self.options, work: &work, progress };
        let fetched = fetcher.run().await?;
        progress.stage("checking the model");
        self.accept(entry, &fetched, progress).await?;
        let path = self.path_of(entry);
        install(&fetched, &path)?;
        Ok(VerifiedModel { entry: entry.clone(), path })
    }

    fn path_of(&self, entry: &Entry) -> PathBuf {
        self.directory.join(entry.name.as_str()).join(entry.file.as_ref())
    }

    /// Nothing, if the file at `path` is the catalogued one; else moves it aside.
    async fn accept(&self, entry: &Entry, path: &Path, progress: &dyn Progress) -> Result<(), ModelError> {
        match check::file(path, entry, progress).await? {
            check::Verdict::Right => Ok(()),
            check::Verdict::Missing => Err(ModelError::Missing { name: entry.name.to_string() }),
            check::Verdict::Wrong(why) => {
                let kept = self.set_aside(entry, path)?;
                Err(ModelError::Refused { name: entry.name.to_string(), why, kept })
            }
        }
    }

    fn set_aside(&self, entry: &Entry, path: &Path) -> Result<PathBuf, ModelError> {
        let directory = self.directory.join(QUARANTINE);
        make_directory(&directory)?;
        let stem = entry.name.as_str().replace('/', "_");
        let kept = (1..)
            .map(|n| directory.join(format!("{stem}.{n}.refused")))
            .find(|p| !p.exists())
            .expect("the numbers do not end");
        fs::rename(path, &kept).map_err(ModelError::io("moving the refused model file aside"))?;
        Ok(kept)
    }
}

/// Puts a checked file in its place. A crash before the rename leaves the old state; after it, the
/// whole file.
fn install(from: &Path, to: &Path) -> Result<(), ModelError> {
    let error = || ModelError::io("putting the model file in its place");
    let directory = to.parent().expect("a model's path has a directory");
    make_directory(directory)?;
    fs::File::open(from).and_then(|f| f.sync_all()).map_err(error())?;
    fs::rename(from, to).map_err(error())?;
    fs::File::open(directory).and_then(|d| d.sync_all()).map_err(error())
}

fn make_directory(path: &Path) -> Result<(), ModelError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(ModelError::io("making the models directory"))
}

#[cfg(test)]
mod tests;
