//! Models that a site brings: `NAME/versions/SHA256.gguf` with its signed manifest beside it, and in `NAME/promoted` which version
//! is loaded, the newest last, so that the one before is known.

use super::manifest::Manifest;
use super::{Progress, QUARANTINE, Registry, install};
use crate::fetch::WorkDirectory;
use crate::{Entry, ModelError};
use medlock_domain::ModelName;
use medlock_engine::gguf;
use medlock_keys::digest::{Sha256, sha256};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

const VERSIONS: &str = "versions";
const PROMOTED: &str = "promoted";

/// One version of a model of the site.
#[derive(Debug, Clone)]
pub struct Version {
    /// What its manifest says, signed or not.
    pub manifest: Manifest,
    /// Why it would not be loaded; `None` when enough people have signed it.
    pub unsigned: Option<String>,
    /// It is the one that is loaded.
    pub promoted: bool,
}

/// A model file that was looked at and copied, and is nobody's yet.
pub struct Brought {
    work: WorkDirectory,
    size: u64,
    digest: [u8; 32],
    template: [u8; 32],
}

impl Registry {
    /// Takes a model file into the directory. Its header is checked first; nothing loads it before it is signed and promoted.
    ///
    /// # Errors
    /// When it is no sound GGUF file, or cannot be read or written.
    pub fn bring(&self, from: &Path, progress: &dyn Progress) -> Result<Brought, ModelError> {
        let reading = || ModelError::io(format!("reading {}", from.display()));
        let mut source = File::open(from).map_err(reading())?;
        let size = source.metadata().map_err(reading())?.len();
        progress.stage("checking the model");
        let header = gguf::check(std::io::BufReader::new(&source), size)?;
        std::io::Seek::rewind(&mut source).map_err(reading())?;
        // What is not kept goes with it.
        let work = WorkDirectory::create(&self.directory)?;
        progress.stage("copying the model");
        let digest = copy(&mut source, &work.file(), size, progress)?;
        let template = header.chat_template.map_or([0; 32], |text| sha256(&[text.as_bytes()]));
        Ok(Brought { work, size, digest, template })
    }

    /// Puts a signed manifest beside the file that it is of; both are there then, or neither.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep(&self, brought: &Brought, manifest: &Manifest, note: &str) -> Result<(), ModelError> {
        if !is_own(&manifest.name) {
            return Err(ModelError::BadName);
        }
        let version = manifest.version();
        install(&brought.work.file(), &self.weights(&manifest.name, &version))?;
        self.write_note(manifest, note)
    }

    /// Replaces the signatures of a version.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn write_note(&self, manifest: &Manifest, note: &str) -> Result<(), ModelError> {
        write(&self.note(&manifest.name, &manifest.version()), note)
    }

    /// The signed note of a version, as it lies there.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] when there is none.
    pub fn note_of(&self, name: &ModelName, version: &str) -> Result<String, ModelError> {
        if !is_own(name) {
            return Err(ModelError::Unknown);
        }
        fs::read_to_string(self.note(name, version)).map_err(|_| ModelError::Unknown)
    }

    /// Every version of every model of the site. What cannot be read as one is left out, and said.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn versions(&self) -> Result<Vec<Version>, ModelError> {
        let reading = || ModelError::io("reading the models directory");
        let mut all = Vec::new();
        for model in fs::read_dir(&self.directory).map_err(reading())? {
            let model = model.map_err(reading())?.path();
            let name = model.file_name().and_then(|n| n.to_str()).and_then(|n| n.parse::<ModelName>().ok());
            let (Some(name), Ok(files)) = (name, fs::read_dir(model.join(VERSIONS))) else { continue };
            let promoted = self.history(&name)?.pop();
            for file in files {
                let file = file.map_err(reading())?.path();
                if file.extension().is_none_or(|e| e != "note") {
                    continue;
                }
                match fs::read_to_string(&file).ok().and_then(|note| self.judged(&name, &note)) {
                    Some((manifest, unsigned)) => {
                        let promoted = promoted.as_ref() == Some(&manifest.version());
                        all.push(Version { manifest, unsigned, promoted });
                    }
                    None => tracing::warn!(file = %file.display(), "this is no manifest of a model: it is left out"),
                }
            }
        }
        all.sort_by_key(|v| (v.manifest.name.to_string(), v.manifest.version()));
        Ok(all)
    }

    /// The manifest in a note, and why it does not count if it does not.
    fn judged(&self, name: &ModelName, note: &str) -> Option<(Manifest, Option<String>)> {
        let body = format!("{}\n", note.rsplit_once("\n\n")?.0);
        let manifest = Manifest::parse(&body).filter(|m| m.name == *name)?;
        let unsigned = match &self.seal {
            None => Some("nobody's signature counts: set [model] signers".to_owned()),
            Some(seal) => match seal.opened(note) {
                Ok(text) if text == body => None,
                Ok(_) => Some("the signatures are of another text".to_owned()),
                Err(why) => Some(why),
            },
        };
        Some((manifest, unsigned))
    }

    /// What is loaded under this name: of the site, if it has promoted one.
    pub(super) fn promoted(&self, name: &ModelName) -> Result<Option<Entry>, ModelError> {
        let Some(version) = self.history(name)?.pop() else { return Ok(None) };
        self.signed(name, &version).map(|manifest| Some(manifest.entry()))
    }

    fn signed(&self, name: &ModelName, version: &str) -> Result<Manifest, ModelError> {
        let note = self.note_of(name, version)?;
        let refused = |why: String| ModelError::Unsigned { name: name.to_string(), why };
        let (manifest, unsigned) =
            self.judged(name, &note).ok_or_else(|| refused("its manifest is none".to_owned()))?;
        if manifest.version() != version {
            return Err(refused("its manifest is of another file".to_owned()));
        }
        unsigned.map_or(Ok(manifest), |why| Err(refused(why)))
    }

    /// The version of this name whose digest begins so; the only one where nothing is said.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] when there is none, or several.
    pub fn find(&self, name: &ModelName, digest: Option<&str>) -> Result<Version, ModelError> {
        let begins = |v: &Version| digest.is_none_or(|d| v.manifest.version().starts_with(d));
        let mut found = self.versions()?.into_iter().filter(|v| v.manifest.name == *name && begins(v));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(ModelError::Unknown),
        }
    }

    /// From now on this version is loaded under its name. The whole file is read and compared first. Gives the version that
    /// was loaded before.
    ///
    /// # Errors
    /// [`ModelError::Unsigned`] and [`ModelError::Refused`].
    pub async fn promote(
        &self,
        name: &ModelName,
        version: &str,
        progress: &dyn Progress,
    ) -> Result<Option<String>, ModelError> {
        let entry = self.signed(name, version)?.entry();
        progress.stage("checking the model");
        self.accept(&entry, &self.path_of(&entry), progress).await?;
        let mut history = self.history(name)?;
        let before = history.last().cloned();
        if before.as_deref() != Some(version) {
            history.push(version.to_owned());
            self.write_history(name, &history)?;
        }
        Ok(before)
    }

    /// The version that was loaded before is loaded again. Gives it.
    ///
    /// # Errors
    /// [`ModelError::NothingBefore`], or as [`Registry::promote`].
    pub async fn roll_back(&self, name: &ModelName, progress: &dyn Progress) -> Result<String, ModelError> {
        let mut history = self.history(name)?;
        history.pop();
        let before = history.last().cloned().ok_or(ModelError::NothingBefore)?;
        let entry = self.signed(name, &before)?.entry();
        progress.stage("checking the model");
        self.accept(&entry, &self.path_of(&entry), progress).await?;
        self.write_history(name, &history)?;
        Ok(before)
    }

    /// What is loaded is what is promoted: after a version that could not be loaded.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn restore(&self, name: &ModelName, version: &str) -> Result<(), ModelError> {
        let mut history = self.history(name)?;
        match history.iter().rposition(|known| known == version) {
            Some(at) => history.truncate(at + 1),
            None if self.note(name, version).exists() => history.push(version.to_owned()),
            // It was the catalogue's.
            None => history.clear(),
        }
        self.write_history(name, &history)
    }

    /// The version that a roll-back would load.
    ///
    /// # Errors
    /// [`ModelError::NothingBefore`].
    pub fn before(&self, name: &ModelName) -> Result<Version, ModelError> {
        let mut history = self.history(name)?;
        history.pop();
        self.find(name, Some(&history.pop().ok_or(ModelError::NothingBefore)?))
    }

    /// Moves a version aside: nothing loads it any more. Gives where it lies.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn quarantine(&self, name: &ModelName, version: &str) -> Result<PathBuf, ModelError> {
        let manifest = self.find(name, Some(version))?.manifest;
        let mut history = self.history(name)?;
        history.retain(|known| *known != manifest.version());
        history.dedup();
        self.write_history(name, &history)?;
        let entry = manifest.entry();
        let kept = self.set_aside(&entry, &self.path_of(&entry))?;
        let note = self.note(name, &manifest.version());
        fs::rename(&note, kept.with_extension("note")).map_err(ModelError::io("moving the manifest aside"))?;
        Ok(kept)
    }

    fn history(&self, name: &ModelName) -> Result<Vec<String>, ModelError> {
        if !is_own(name) {
            return Ok(Vec::new());
        }
        match fs::read_to_string(self.directory.join(name.as_str()).join(PROMOTED)) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(e) => Err(ModelError::io("reading which version is promoted")(e)),
        }
    }

    fn write_history(&self, name: &ModelName, history: &[String]) -> Result<(), ModelError> {
        let text: String = history.iter().map(|version| format!("{version}\n")).collect();
        write(&self.directory.join(name.as_str()).join(PROMOTED), &text)
    }

    fn weights(&self, name: &ModelName, version: &str) -> PathBuf {
        self.directory.join(name.as_str()).join(VERSIONS).join(format!("{version}.gguf"))
    }

    fn note(&self, name: &ModelName, version: &str) -> PathBuf {
        self.weights(name, version).with_extension("note")
    }
}

/// A name that a site can give: it is that of a directory, and of none that has another use.
fn is_own(name: &ModelName) -> bool {
    !name.as_str().contains('/') && name.as_str() != QUARANTINE
}

impl Brought {
    /// Bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the file.
    pub fn sha256(&self) -> [u8; 32] {
        self.digest
    }

    /// SHA-256 of the chat template in it; 0 when it has none.
    pub fn template(&self) -> [u8; 32] {
        self.template
    }
}

fn copy(from: &mut File, to: &Path, size: u64, progress: &dyn Progress) -> Result<[u8; 32], ModelError> {
    let error = || ModelError::io("copying the model");
    let mut out = fs::OpenOptions::new().write(true).create_new(true).open(to).map_err(error())?;
    let (mut hash, mut buffer, mut done) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        let n = from.read(&mut buffer).map_err(error())?;
        if n == 0 {
            break;
        }
        hash.update(&buffer[..n]);
        out.write_all(&buffer[..n]).map_err(error())?;
        done += n as u64;
        progress.bytes(done, size);
    }
    out.sync_all().map_err(error())?;
    Ok(hash.finish())
}

/// The whole file, or the one before.
fn write(path: &Path, text: &str) -> Result<(), ModelError> {
    medlock_keys::file::write(path, text.as_bytes(), 0o600).map_err(ModelError::io("writing beside the model"))
}
