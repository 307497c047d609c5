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

/// A model that answers with a row of figures for each token.
pub(crate) struct Runtime {
    /// The runtime's sessions take one window at a time.
    session: Mutex<Session>,
    inputs: Vec<Input>,
    output: String,
    library: Digest,
}

/// What a token classifier is given, by the names of Hugging Face's exports.
struct Input {
    name: String,
    holds: Holds,
}

#[derive(Clone, Copy)]
enum Holds {
    Ids,
    /// Every token is there.
    Ones,
    /// All tokens are of one text.
    Zeros,
}

impl Runtime {
    pub(crate) fn load(library: &Path, model: &Read) -> Result<Self, LoadError> {
        let library = self::library(library)?;
        let wrong = |e: &dyn std::fmt::Display| LoadError::wrong(&model.path, e);
        let session = session(&library.environment, &model.bytes).map_err(|e| wrong(&e))?;
        let mut inputs = Vec::new();
        for input in session.inputs() {
            if input.dtype().tensor_type() != Some(TensorElementType::Int64) {
                return Err(wrong(&format!("its input {} is not a tensor of int64", input.name())));
            }
            let holds = match input.name() {
                "input_ids" => Holds::Ids,
                "attention_mask" => Holds::Ones,
                "token_type_ids" => Holds::Zeros,
                name => {
                    return Err(wrong(&format!(
                        "its input {name} is not one of input_ids, attention_mask, token_type_ids: is it a token classifier?"
                    )));
                }
            };
            inputs.push(Input { name: input.name().to_owned(), holds });
        }
        if !inputs.iter().any(|i| matches!(i.holds, Holds::Ids)) {
            return Err(wrong(&"it has no input input_ids"));
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
        Ok(Self { session: Mutex::new(session), inputs, output, library: library.digest })
    }

    /// Of the library's file.
    pub(crate) fn library_digest(&self) -> Digest {
        self.library
    }

    /// `ids.len()` rows of `labels` figures each, one after another.
    pub(crate) fn run(&self, ids: &[i64], labels: usize) -> Result<Vec<f32>, &'static str> {
        const REFUSED: &str = "the runtime refused a window";
        let n = ids.len();
        let mut values: Vec<(&str, SessionInputValue<'_>)> = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let data = match input.holds {
                Holds::Ids => ids.to_vec(),
                Holds::Ones => vec![1; n],
                Holds::Zeros => vec![0; n],
            };
            let tensor = Tensor::from_array(([1, n], data)).map_err(|_| REFUSED)?;
            values.push((&input.name, tensor.into()));
        }
        let mut session = self.session.lock().map_err(|_| "an earlier window broke the runtime")?;
        let outputs = session.run(values).map_err(|_| REFUSED)?;
        let answer = outputs.get(&self.output).ok_or("the model gave no answer")?;
        let (shape, figures) =
            answer.try_extract_tensor::<f32>().map_err(|_| "the model's answer is of another type")?;
        let expected = [1, n as i64, labels as i64];
        if shape.iter().copied().ne(expected) || figures.len() != n * labels {
            return Err("the model's answer is not one row per token and one figure per label");
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
