//! The client of the engine processes.

use crate::queue::{Asker, Job, Queue};
use crate::supervisor::{self, Event};
use crate::{
    CancelToken, ChatPrompt, EngineConfig, EngineError, GenEvent, GenerateError, Launch, Sampling, VerifiedModel,
};
use medlock_engine::frame::{Enforced, Ready, Start};
use medlock_engine::gguf;
use medlock_engine::launch::SealedModel;
use medlock_keys::digest::{Digest, Sha256, sha256};
use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What runs, for lists, records and `/readyz`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineInfo {
    /// The architecture that the model names itself.
    pub architecture: String,
    /// Tokens of prompt and answer together.
    pub context: u32,
    /// Numbers in the model's weights.
    pub parameters: u64,
    /// SHA-256 of the chat template that prompts are rendered with.
    pub template_digest: Digest,
    /// Milliseconds that parsing and mapping the weights took.
    pub load_ms: u32,
    /// Microseconds that locking the process down took.
    pub lock_down_us: u32,
    /// How much of the Landlock rules the kernel enforces; seccomp is always in force.
    pub landlock: Enforced,
    /// Whether the engine's memory is kept out of swap.
    pub memory_locked: bool,
}

/// Engines that run one model. Cheap to clone; the last clone stops them.
#[derive(Clone)]
pub struct EngineHandle(Arc<Owner>);

/// What the engines' threads share with the handle.
pub(crate) struct Shared {
    pub(crate) launch: Launch,
    pub(crate) model: SealedModel,
    pub(crate) start: Start,
    pub(crate) keep: Duration,
    pub(crate) queue: Queue,
    pub(crate) stopping: AtomicBool,
    pub(crate) ready: AtomicUsize,
    /// The process ids, for those who watch or test them; 0 while one is being started.
    pub(crate) pids: Vec<AtomicU64>,
}

struct Owner {
    shared: Arc<Shared>,
    wake: Vec<std_mpsc::Sender<Event>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    model: VerifiedModel,
    info: EngineInfo,
    next_id: AtomicU64,
}

impl EngineHandle {
    /// Seals the model, starts the engines and waits until they are ready.
    pub async fn start(config: EngineConfig) -> Result<Self, EngineError> {
        let model = config.model.clone();
        let sealed = tokio::task::spawn_blocking(move || seal(&model)).await;
        let (sealed, header) = sealed.map_err(|_| EngineError::Start("sealing the model failed".into()))??;
        let engines = config.engines.max(1);
        let shared = Arc::new(Shared {
            launch: config.launch,
            model: sealed,
            start: Start {
                context: config.context,
                together: config.together.max(1),
                read_weights: header.repacked,
                ..Start::default()
            },
            keep: config.keep,
            queue: Queue::new(engines * config.together.max(1) as usize, config.queue),
            stopping: AtomicBool::new(false),
            ready: AtomicUsize::new(0),
            pids: (0..engines).map(|_| AtomicU64::new(0)).collect(),
        });
        let (mut wake, mut threads, mut started) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..engines {
            let (events, inbox) = std_mpsc::channel();
            let (first, heard) = oneshot::channel();
            let (shared, own) = (shared.clone(), events.clone());
            let thread = std::thread::Builder::new()
                .name(format!("engine-{number}"))
                .spawn(move || supervisor::run(&shared, number, &own, &inbox, first));
            threads.push(thread.map_err(|e| EngineError::Start(e.to_string()))?);
            wake.push(events);
            started.push(heard);
        }
        let template_digest = sha256(&[header.chat_template.unwrap_or_default().as_bytes()]);
        let stop = StopOnDrop(shared.clone(), wake.clone());
        let mut ready: Option<Ready> = None;
        for heard in started {
            ready = Some(heard.await.map_err(|_| EngineError::Start("its thread ended".into()))??);
        }
        let ready = ready.ok_or_else(|| EngineError::Start("no engine was asked for".into()))?;
        std::mem::forget(stop); // from here on the owner stops them
        let info = EngineInfo {
            architecture: ready.architecture,
            context: ready.context,
            parameters: header.parameters,
            template_digest,
            load_ms: ready.load_ms,
            lock_down_us: ready.lock_down_us,
            landlock: ready.landlock,
            memory_locked: ready.memory_locked,
        };
        let next_id = AtomicU64::new(1);
        Ok(Self(Arc::new(Owner { shared, wake, threads: Mutex::new(threads), model: config.model, info, next_id })))
    }

    /// Starts a generation. The receiver gives its events as they come; dropping it, or the token,
    /// stops it within a token.
    ///
    /// A seed is only worth something where nothing else is computed beside: such a request is answered alone.
    pub async fn generate(
        &self,
        asker: Asker,
        prompt: ChatPrompt,
        params: Sampling,
        cancel: CancelToken,
    ) -> Result<mpsc::Receiver<GenEvent>, GenerateError> {
        let owner = &*self.0;
        if !self.ready() || owner.shared.stopping.load(Ordering::Acquire) {
            return Err(GenerateError::Down);
        }
        // Room for every token that the context can hold: a slow reader must not hold an engine up,
        // and the bound is the context's.
        let (events, receiver) = mpsc::channel(owner.info.context as usize + 8);
        let id = owner.next_id.fetch_add(1, Ordering::Relaxed);
        let alone = params.seed.is_some() || owner.shared.start.together == 1;
        let asker = Asker { scope: asker.scope.filter(|_| !alone), ..asker };
        owner.shared.queue.admit(Job { id, came: Instant::now(), asker, prompt, sampling: params, cancel, events })?;
        owner.wake();
        Ok(receiver)
    }

    /// Whether an engine is loaded and waiting or working.
    pub fn ready(&self) -> bool {
        self.0.shared.ready.load(Ordering::Acquire) > 0
    }

    /// Requests that wait, requests that are being answered, and engines that are up.
    pub fn load(&self) -> (usize, usize, usize) {
        let (waiting, running) = self.0.shared.queue.load();
        (waiting, running, self.0.shared.ready.load(Ordering::Acquire))
    }

    /// SHA-256 of the model's file.
    pub fn model_digest(&self) -> Digest {
        *self.0.model.sha256()
    }

    /// The model that runs.
    pub fn model(&self) -> &VerifiedModel {
        &self.0.model
    }

    /// What the engines said when they were ready for the first time.
    pub fn info(&self) -> &EngineInfo {
        &self.0.info
    }

    /// The engines' process ids; one that is being started again is left out.
    pub fn process_ids(&self) -> Vec<u32> {
        let pids = self.0.shared.pids.iter().map(|p| p.load(Ordering::Acquire) as u32);
        pids.filter(|p| *p != 0).collect()
    }

    /// Stops the engines and waits until their processes are gone. What runs or waits fails.
    pub async fn shut_down(&self) {
        self.0.stop();
        let threads = std::mem::take(&mut *self.0.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(|t| drop(t.join())));
        let _ = joined.await;
    }
}

impl fmt::Debug for EngineHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineHandle").field("model", self.0.model.name()).field("ready", &self.ready()).finish()
    }
}

impl Owner {
    fn wake(&self) {
        for engine in &self.wake {
            let _ = engine.send(Event::Wake);
        }
    }

    fn stop(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.wake();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Stops what was started already when the start as a whole fails or is given up.
struct StopOnDrop(Arc<Shared>, Vec<std_mpsc::Sender<Event>>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stopping.store(true, Ordering::Release);
        for engine in &self.1 {
            let _ = engine.send(Event::Wake);
        }
    }
}

/// Copies the model into sealed memory and checks there that it is the catalogued file and soundly
/// built: what was checked is what the engine gets.
fn seal(model: &VerifiedModel) -> Result<(SealedModel, gguf::Header), EngineError> {
    let failed = |e: std::io::Error| EngineError::Start(format!("reading the model: {e}"));
    let file = File::open(model.path()).map_err(failed)?;
    let mut hash = Sha256::new();
    let sealed = SealedModel::copy(file, |bytes| hash.update(bytes)).map_err(failed)?;
    if hash.finish() != *model.sha256() {
        return Err(EngineError::Start("the model file has changed since it was verified".into()));
    }
    let reader = BufReader::with_capacity(64 << 10, sealed.open().map_err(failed)?);
    let header = gguf::check(reader, sealed.len())
        .map_err(|e| EngineError::Start(format!("the model file is malformed: it {e}")))?;
    Ok((sealed, header))
}
