//! Which files are meant: those that are named, and those in the directories that are, in a fixed
//! order. Links in directories are not followed, so that nothing outside of them is read.

use crate::failure::{Doing, Failure};
use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where an input comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Stdin,
    File(PathBuf),
}

/// One input.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) source: Source,
    /// Its name below the directory that was named.
    pub(super) name: PathBuf,
    /// How long it is, where that is known.
    pub(super) bytes: u64,
    /// Why it is not to be read.
    pub(super) refused: Option<&'static str>,
}

/// What there is to do.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    pub(super) all: Vec<Input>,
    /// One file or stdin was named, nothing else.
    pub(super) single: bool,
    /// How many files were named twice.
    pub(super) twice: usize,
    /// How many directories were not walked into because they are not the user's.
    pub(super) passed: usize,
}

/// Device and number of a file.
type Identity = (u64, u64);

pub(super) fn identity(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

/// Lists the inputs. `out`, where it is a directory already, and `data`, which has the keys, are not
/// walked into.
pub(super) fn gather(named: &[PathBuf], out: Option<&Path>, data: &Path) -> Result<Inputs, Failure> {
    let out = out.filter(|o| o.is_dir());
    let within = out.and_then(|o| o.canonicalize().ok());
    let ours = out.into_iter().chain([data]).filter_map(|d| fs::metadata(d).ok()).map(|m| identity(&m)).collect();
    let mut walk = Walk { ours, seen: HashSet::new(), inputs: Inputs::default() };
    let mut directories = false;
    for path in named {
        if path == Path::new("-") {
            if named.len() > 1 {
                return Err(Failure::error(
                    "stdin (`-`) goes with no other input: its output would be mixed with theirs",
                ));
            }
            walk.inputs.all.push(Input { source: Source::Stdin, name: "stdin".into(), bytes: 0, refused: None });
            continue;
        }
        // A link that is named is meant.
        let meta = fs::metadata(path).doing(format!("reading {}", shown(path)))?;
        let lies_in = |out: &PathBuf| path.canonicalize().is_ok_and(|p| p.starts_with(out));
        if within.as_ref().is_some_and(lies_in) {
            return Err(Failure::error(format!(
                "{} lies in the output directory: name another one with --out, so that outputs and inputs do not mix",
                shown(path)
            )));
        }
        if meta.is_dir() {
            directories = true;
            walk.directory(path, Path::new(""))?;
        } else if meta.is_file() {
            let name = path.file_name().ok_or_else(|| Failure::error(format!("{} is no file", shown(path))))?;
            walk.file(path.clone(), name.into(), &meta);
        } else {
            return Err(Failure::error(format!(
                "{} is neither a file nor a directory: pipe it in as `-`",
                shown(path)
            )));
        }
    }
    walk.inputs.single = named.len() == 1 && !directories;
    Ok(walk.inputs)
}

struct Walk {
    ours: HashSet<Identity>,
    seen: HashSet<Identity>,
    inputs: Inputs,
}

impl Walk {
    fn directory(&mut self, path: &Path, name: &Path) -> Result<(), Failure> {
        let doing = || format!("reading the directory {}", shown(path));
        let entries: Result<Vec<_>, _> = fs::read_dir(path).doing(doing())?.collect();
        let mut entries = entries.doing(doing())?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, name) = (entry.path(), name.join(entry.file_name()));
            // Of the entry itself: a link is not followed.
            let meta = entry.metadata().doing(format!("reading {}", shown(&path)))?;
            let kind = meta.file_type();
            if kind.is_dir() {
                if self.ours.contains(&identity(&meta)) {
                    self.inputs.passed += 1;
                } else {
                    self.directory(&path, &name)?;
                }
            } else if kind.is_file() {
                self.file(path, name, &meta);
            } else {
                let why = if kind.is_symlink() { "a symbolic link" } else { "neither a file nor a directory" };
                self.inputs.all.push(Input { source: Source::File(path), name, bytes: 0, refused: Some(why) });
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, name: PathBuf, meta: &Metadata) {
        // Two names of one file in a tree are two files; the same file named twice is one.
        let known = !self.seen.insert(identity(meta));
        if known && self.inputs.all.iter().any(|i| same_path(&i.source, &path)) {
            self.inputs.twice += 1;
            return;
        }
        self.inputs.all.push(Input { source: Source::File(path), name, bytes: meta.len(), refused: None });
    }
}

fn same_path(source: &Source, path: &Path) -> bool {
    let Source::File(other) = source else { return false };
    let (Ok(a), Ok(b)) = (other.canonicalize(), path.canonicalize()) else { return false };
    a == b
}

/// A path for people: what stands in a name must not steer the terminal.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "?")
}

/// A path for the manifest. Bytes that are not UTF-8 are written `\xNN`.
pub(super) fn written(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn in_a_fixed_order_links_not_followed_and_the_output_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("in/b")).unwrap();
        fs::create_dir_all(at("in/out")).unwrap();
        for name in ["in/z.txt", "in/b/c.txt", "in/a.txt", "in/out/old.txt", "elsewhere.txt"] {
            fs::write(at(name), "x").unwrap();
        }
        std::os::unix::fs::symlink(at("elsewhere.txt"), at("in/link.txt")).unwrap();
        let found = gather(&[at("in"), at("in/./a.txt")], Some(&at("in/out")), &at("data")).unwrap();
        let names: Vec<_> = found.all.iter().map(|i| (i.name.to_str().unwrap(), i.refused)).collect();
        let link = Some("a symbolic link");
        assert_eq!(names, [("a.txt", None), ("b/c.txt", None), ("link.txt", link), ("z.txt", None)]);
        assert_eq!((found.twice, found.single), (1, false));
        assert!(gather(&[at("in")], Some(&at("in")), &at("data")).is_err());
        assert!(gather(&["-".into(), at("in")], None, &at("data")).is_err());
    }

    #[test]
    fn names_that_are_not_utf_8() {
        assert_eq!(written(Path::new(OsStr::from_bytes(b"a/\xffb"))), "a/\\xffb");
        assert_eq!(shown(Path::new("a\x1b[2Jb")), "a?[2Jb");
    }
}
