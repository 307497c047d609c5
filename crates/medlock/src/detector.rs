//! The detector that the configuration asks for.

use crate::config::{self, DetectorSettings, OnnxSettings, Whereabouts};
use crate::failure::Failure;
use medlock_deid::{Detector, Preset, Recognizer};

/// The detector of an installation. One that has a recognizer lives as long as the process, as the shared
/// ones do; so this is to be called once.
pub(crate) fn of(settings: &DetectorSettings) -> Result<&'static Detector, Failure> {
    match &settings.onnx {
        None => Ok(Detector::preset(settings.preset)),
        Some(onnx) => Ok(Box::leak(Box::new(Detector::with(settings.preset, vec![recognizer(onnx)?])))),
    }
}

/// The detector of the installation that the command line means, or that of this build where there is no
/// configuration and none was named; in `preset`, if the command line has one. To be called once.
pub(crate) fn configured(whereabouts: &Whereabouts, preset: Option<Preset>) -> Result<&'static Detector, Failure> {
    let installed = whereabouts.are_named() || whereabouts.config_file().exists();
    let mut settings = if installed { config::load(whereabouts)?.detector } else { DetectorSettings::default() };
    settings.preset = preset.unwrap_or(settings.preset);
    of(&settings)
}

#[cfg(feature = "onnx")]
fn recognizer(onnx: &OnnxSettings) -> Result<Box<dyn Recognizer>, Failure> {
    use crate::failure::Doing;
    let threshold = onnx.threshold.map(|t| t as f32);
    let source = medlock_onnx::Source { dir: onnx.dir.clone(), library: onnx.library.clone(), threshold };
    medlock_onnx::load(&source).doing("loading the ONNX model")
}

#[cfg(not(feature = "onnx"))]
fn recognizer(onnx: &OnnxSettings) -> Result<Box<dyn Recognizer>, Failure> {
    let OnnxSettings { dir, library: _, threshold: _ } = onnx;
    Err(Failure::error(format!("{}: this medlock was built without ONNX models", dir.display())))
}
