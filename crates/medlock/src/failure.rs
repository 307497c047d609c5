//! How a command ends when it does not end well, and the exit code that says so.

use crate::config::Mistake;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It looked and found something wrong, or was refused: exit 1.
    Denied(String),
    /// It could not do it: exit 2.
    Error(String),
    /// Somebody stopped it: exit 130, as shells have it for SIGINT.
    Interrupted(String),
    /// The configuration is not right: exit 2.
    Mistakes { file: PathBuf, mistakes: Vec<Mistake> },
}

impl Failure {
    pub(crate) fn error(what: impl Into<String>) -> Self {
        Failure::Error(what.into())
    }

    pub(crate) fn denied(what: impl Into<String>) -> Self {
        Failure::Denied(what.into())
    }

    /// 0 is done, 1 is a finding or a refusal, 2 an error, 130 was stopped; usage errors are clap's, 2 as well.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Failure::Denied(_) => ExitCode::from(1),
            Failure::Interrupted(_) => ExitCode::from(130),
            Failure::Error(_) | Failure::Mistakes { .. } => ExitCode::from(2),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Denied(what) | Failure::Error(what) | Failure::Interrupted(what) => f.write_str(what),
            Failure::Mistakes { file, mistakes } => {
                let s = if mistakes.len() == 1 { "" } else { "s" };
                write!(f, "{} has {} mistake{s}:", file.display(), mistakes.len())?;
                mistakes.iter().try_for_each(|m| write!(f, "\n  {m}"))
            }
        }
    }
}

/// Says what was being done when something failed.
pub(crate) trait Doing<T> {
    /// The failure reads "doing: why".
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|e| Failure::Error(format!("{what}: {e}")))
    }
}
