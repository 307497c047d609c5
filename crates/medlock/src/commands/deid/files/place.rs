//! Where outputs go: a file, a directory, stdout.

use crate::cli::DeidFiles;
use crate::failure::Failure;
use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::inputs::{Inputs, Source, shown};
use super::manifest;
use super::partial;

pub(super) enum Place {
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
}

impl Place {
    /// What the command line means.
    pub(super) fn of(args: &DeidFiles, inputs: &Inputs) -> Result<Self, Failure> {
        let stdin = inputs.all.iter().any(|i| i.source == Source::Stdin);
        let Some(out) = &args.out else {
            return match stdin {
                true => Ok(Place::Stdout),
                false => Err(Failure::error("where to? Name a file (for one input) or a directory with --out")),
            };
        };
        let slash = out.as_os_str().as_bytes().ends_with(b"/");
        if !inputs.single || slash || out.is_dir() {
            if out.exists() && !out.is_dir() {
                return Err(Failure::error(format!(
                    "{} is a file: several inputs, or a directory, go to a directory",
                    shown(out)
                )));
            }
            return Ok(Place::Directory(out.clone()));
        }
        if out.file_name().is_none() {
            return Err(Failure::error(format!("{} is no file name", shown(out))));
        }
        Ok(Place::File(out.clone()))
    }

    /// Where the manifest goes.
    pub(super) fn manifest(&self) -> Option<PathBuf> {
        match self {
            Place::Stdout => None,
            Place::File(file) => {
                let mut name = OsString::from(file);
                name.push(".manifest.json");
                Some(name.into())
            }
            Place::Directory(directory) => Some(directory.join(manifest::NAME)),
        }
    }

    /// Makes the directory, and takes it for this run as long as what comes back lives.
    pub(super) fn take(&self) -> Result<Option<File>, Failure> {
        let directory: &Path = match self {
            Place::Stdout => return Ok(None),
            Place::File(file) => {
                let above = partial::directory(file);
                return partial::make_directory(above).map(|()| None).map_err(|e| partial::failure(above, &e));
            }
            Place::Directory(directory) => directory,
        };
        let failed = |e: std::io::Error| partial::failure(directory, &e);
        partial::make_directory(directory).map_err(failed)?;
        let open = File::open(directory).map_err(failed)?;
        match open.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Failure::error(format!(
                "another medlock is writing to {}: wait until it is done, or name another directory",
                shown(directory)
            ))),
            // A file system without locks.
            _ => Ok(Some(open)),
        }
    }
}
