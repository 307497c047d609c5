//! The user's ONNX Runtime and one model in it.

use crate::error::LoadError;
use crate::files::{self, Read};
use medlock_keys::digest::{Digest, sha256};
use ort::environment::Environment;
use ort::ep::CPU;
use ort::logging::LogLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{Tensor, TensorElementType};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// The library that this process has, for good: one cannot be unloaded.
struct Library {
    path: PathBuf,
    environment: Environment,
    digest: Digest,
}

static LIBRARY: OnceLock<Library> = OnceLock::new();
/// Two threads must not load two.
static LOADING: Mutex<()> = Mutex::new(());

/// What a kind of model is given and what it answers.
pub(crate) struct Kind {
    /// Every input that is known, and those of them without which it is another kind.
    pub(crate) inputs: &'static [&'static str],
    pub(crate) needed: &'static [&'static str],
    /// Those of them that may be truth values.
    pub(crate) masks: &'static [&'static str],
    /// What to think of when another input is found.
    pub(crate) hint: &'static str,
    /// What is wrong with an answer of another shape.
    pub(crate) misshapen: &'static str,
}

/// An input's shape and what it holds.
pub(crate) struct Given {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<i64>,
}

/// A model that answers with figures.
pub(crate) struct Runtime {
    /// The runtime's sessions take one window at a time.
    session: Mutex<Session>,
    inputs: Vec<Input>,
    output: String,
    misshapen: &'static str,
    library: Digest,
}

struct Input {
    name: String,
    truth_values: bool,
}

impl Runtime {
    pub(crate) fn load(library: &Path, model: &Read, kind: &Kind) -> Result<Self, LoadError> {
        let library = self::library(library)?;
        let wrong = |e: &dyn std::fmt::Display| LoadError::wrong(&model.path, e);
        let session = session(&library.environment, &model.bytes).map_err(|e| wrong(&e))?;
        let mut inputs = Vec::new();
        for input in session.inputs() {
            let name = input.name();
            if !kind.inputs.contains(&name) {
                let known = kind.inputs.join(", ");
                return Err(wrong(&format!("its input {name} is not one of {known}: {}", kind.hint)));
            }
            let truth_values = match input.dtype().tensor_type() {
                Some(TensorElementType::Int64) => false,
                Some(TensorElementType::Bool) if kind.masks.contains(&name) => true,
                _ => return Err(wrong(&format!("its input {name} is not a tensor of int64"))),
            };
            inputs.push(Input { name: name.to_owned(), truth_values });
        }
        if let Some(missing) = kind.needed.iter().find(|name| inputs.iter().all(|i| i.name != **name)) {
            return Err(wrong(&format!("it has no input {missing}: {}", kind.hint)));
        }
        let outputs = session.outputs();
        let output =
            match outputs.iter().find(|o| o.name() == "logits").or(outputs.first().filter(|_| outputs.len() == 1)) {
                Some(output) if output.dtype().tensor_type() == Some(TensorElementType::Float32) => {
                    output.name().to_owned()
                }
                Some(_) => return Err(wrong(&"its output is not a tensor of 32-bit floats: export it as fp32")),
                None => return Err(wrong(&"it has no output logits")),
            };
        Ok(Self { session: Mutex::new(session), inputs, output, misshapen: kind.misshapen, library: library.digest })
    }

    /// Of the library's file.
    pub(crate) fn library_digest(&self) -> Digest {
        self.library
    }

    /// The figures of an answer of the shape `expected`, one after another. `give` says what an input holds.
    pub(crate) fn run(&self, give: impl Fn(&str) -> Given, expected: &[usize]) -> Result<Vec<f32>, &'static str> {
        const REFUSED: &str = "the runtime refused a window";
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let Given { shape, values: data } = give(&input.name);
            let value = if input.truth_values {
                let data: Vec<bool> = data.into_iter().map(|x| x != 0).collect();
                Tensor::from_array((shape, data)).map_err(|_| REFUSED)?.into()
            } else {
                Tensor::from_array((shape, data)).map_err(|_| REFUSED)?.into()
            };
            values.push((&input.name, value));
        }
        let mut session = self.session.lock().map_err(|_| "an earlier window broke the runtime")?;
        let outputs = session.run(values).map_err(|_| REFUSED)?;
        let answer = outputs.get(&self.output).ok_or("the model gave no answer")?;
        let (shape, figures) =
            answer.try_extract_tensor::<f32>().map_err(|_| "the model's answer is of another type")?;
        let same = shape.iter().copied().eq(expected.iter().map(|n| *n as i64));
        if !same || figures.len() != expected.iter().product::<usize>() {
            return Err(self.misshapen);
        }
        if !figures.iter().all(|f| f.is_finite()) {
            return Err("the model's answer holds figures that are none");
        }
        Ok(figures.to_vec())
    }
}

fn session(environment: &Environment, model: &[u8]) -> Result<Session, ort::Error> {
    // One thread: none is started here, so a confinement that comes later holds for all of it.
    Session::builder(environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_deterministic_compute(true)?
        // No arena: what was computed of a text is freed, and wiped by the process' `free`, after each window.
        .with_memory_pattern(false)?
        .with_execution_providers([CPU::default().with_arena_allocator(false).build()])?
        .with_log_level(LogLevel::Fatal)?
        .commit_from_memory(model)
}

fn library(path: &Path) -> Result<&'static Library, LoadError> {
    let wrong = |why: String| LoadError::Runtime { path: path.to_owned(), why };
    let path = std::fs::canonicalize(path).map_err(|source| LoadError::Read { path: path.to_owned(), source })?;
    let _one_at_a_time = LOADING.lock().map_err(|_| wrong("loading it failed before".to_owned()))?;
    if let Some(library) = LIBRARY.get() {
        return match library.path == path {
            true => Ok(library),
            false => Err(wrong(format!("this process has {} already, and can have one only", library.path.display()))),
        };
    }
    let digest = sha256(&[&files::read(path.clone())?.bytes]);
    let environment = ort::init_from(&path)
        .map_err(|e| wrong(e.to_string()))?
        .with_telemetry(false)
        .build()
        .map_err(|e| wrong(e.to_string()))?;
    Ok(LIBRARY.get_or_init(|| Library { path, environment, digest }))
}
