//! Configuration: one strict TOML file, read once, every mistake reported together.

mod judge;
mod raw;
mod settings;
mod sinks;
mod sso;
#[cfg(test)]
mod tests;

pub(crate) use raw::Mistake;
pub(crate) use settings::{
    DetectorSettings, FhirSettings, KeyRef, MarkSettings, ModelSettings, OnnxSettings, RelationshipSettings,
    S3Settings, Settings, WitnessSettings,
};
pub(crate) use sinks::{SinkSettings, To, Trust};
pub(crate) use sso::SsoSettings;

use crate::failure::Failure;
use crate::layout::Layout;
use std::path::{Path, PathBuf};

/// What the command line says about where things are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Whereabouts {
    pub(crate) config: Option<PathBuf>,
    pub(crate) data_dir: Option<PathBuf>,
}

impl Whereabouts {
    /// The data directory when nothing but the command line and the environment is asked.
    pub(crate) fn data_dir(&self) -> PathBuf {
        let from_env = || std::env::var_os("MEDLOCK_DATA_DIR").filter(|v| !v.is_empty()).map(PathBuf::from);
        self.data_dir.clone().or_else(from_env).unwrap_or_else(|| "medlock-data".into())
    }

    /// Whether somebody said where the configuration is, so that it has to be there.
    pub(crate) fn are_named(&self) -> bool {
        let from_env = std::env::var_os("MEDLOCK_CONFIG").is_some_and(|v| !v.is_empty());
        self.config.is_some() || self.data_dir.is_some() || from_env
    }

    /// The configuration file that counts.
    pub(crate) fn config_file(&self) -> PathBuf {
        let from_env = || std::env::var_os("MEDLOCK_CONFIG").filter(|v| !v.is_empty()).map(PathBuf::from);
        self.config.clone().or_else(from_env).unwrap_or_else(|| Layout::new(self.data_dir()).config())
    }
}

/// Reads and judges the configuration.
pub(crate) fn load(whereabouts: &Whereabouts) -> Result<Settings, Failure> {
    let file = whereabouts.config_file();
    let text = std::fs::read_to_string(&file).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Failure::error(format!(
            "there is no configuration at {}: run `medlock init`, or name one with --config or --data-dir",
            file.display()
        )),
        _ => Failure::error(format!("cannot read {}: {e}", file.display())),
    })?;
    let env = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
    // The command line was asked before the environment.
    let told = whereabouts.data_dir.is_some();
    let env = env.filter(|(name, _)| !(told && name == "MEDLOCK_DATA_DIR"));
    parse(&text, &file, env).map_err(|mistakes| Failure::Mistakes { file, mistakes })
}

/// The same, of texts.
pub(crate) fn parse(
    text: &str,
    file: &Path,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<Settings, Vec<Mistake>> {
    let base = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    settings::judge(raw::Raw::read(text, env), base)
}
