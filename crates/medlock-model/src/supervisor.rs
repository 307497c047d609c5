//! One thread for each engine process: starts it, gives it work, passes its words on, and starts it
//! again when it ends. The same thread starts every process, because an engine is killed when the
//! thread that started it ends.

use crate::handle::Shared;
use crate::queue::{Asker, Job};
use crate::{EngineError, Finish, GenEvent, Launch, Times};
use medlock_domain::ModelText;
use medlock_engine::channel::{self, Sender};
use medlock_engine::frame::{self, ErrorCode, Ready, Reply, Request};
use medlock_engine::launch::{self, Process};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use zeroize::Zeroize;

/// How often a running generation is checked for being abandoned.
const LOOK: Duration = Duration::from_millis(10);
/// How long an engine may take to load.
const LOAD: Duration = Duration::from_secs(180);
/// How long an engine may take to notice that it is to stop.
const NOTICE: Duration = Duration::from_secs(10);
/// How long an engine may say nothing at all while it works: longer than any prompt takes to read.
const SILENCE: Duration = Duration::from_secs(600);
/// How long others of the same asker may join those that are being answered: their context is wiped when the last one has
/// ended.
const OPEN: Duration = Duration::from_secs(30);
/// Between two attempts to start an engine: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What wakes the thread.
pub(crate) enum Event {
    /// There may be a job, or it is time to stop.
    Wake,
    /// An engine spoke: the process with this number.
    Reply(u64, Reply),
    /// That process' socket has closed.
    Gone(u64),
}

/// Runs one engine after another until the handle is gone.
pub(crate) fn run(
    shared: &Shared,
    number: usize,
    own: &mpsc::Sender<Event>,
    inbox: &Receiver<Event>,
    first: oneshot::Sender<Result<Ready, EngineError>>,
) {
    let mut first = Some(first);
    let mut pause = PAUSE.0;
    for incarnation in 0.. {
        let started = Engine::start(shared, incarnation, own, inbox);
        match (started, first.take()) {
            (Ok((engine, ready)), waiting) => {
                pause = PAUSE.0;
                shared.pids[number].store(u64::from(engine.process.id()), Ordering::Release);
                shared.ready.fetch_add(1, Ordering::AcqRel);
                if let Some(waiting) = waiting {
                    let _ = waiting.send(Ok(ready));
                }
                engine.serve(shared, number, inbox);
                shared.pids[number].store(0, Ordering::Release);
            }
            (Err(error), Some(waiting)) => {
                let _ = waiting.send(Err(error)); // whoever starts us decides
                return;
            }
            (Err(error), None) => {
                tracing::error!(engine = number, %error, "the engine could not be started again");
                if shared.ready.load(Ordering::Acquire) == 0 {
                    shared.queue.fail_all(&error);
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(PAUSE.1);
            }
        }
        if shared.stopping.load(Ordering::Acquire) {
            shared.queue.fail_all(&EngineError::Stopping);
            return;
        }
    }
}

/// One engine process.
struct Engine {
    incarnation: u64,
    process: Process,
    sender: Sender,
    /// Where an assertion failed, if it said so.
    fault: Option<String>,
    /// When what it works on was begun, after it had been idle.
    opened: Instant,
    /// When it said something last.
    heard: Instant,
    /// Whose requests it keeps something of, and until when.
    kept: Option<(Asker, Instant)>,
}

/// A generation that an engine works on.
struct Current {
    job: Job,
    began: Instant,
    /// When its first text came.
    first: Option<Instant>,
    cancelled: Option<Instant>,
}

impl Current {
    fn times(&self, now: Instant) -> Times {
        let first = self.first.unwrap_or(now);
        Times { queued: self.began - self.job.came, first: first - self.began, rest: now - first }
    }
}

/// Why an engine is not to be used any more.
enum Over {
    /// It ended, or has to be ended; the text is ours and says why, where the exit status does not.
    Broken(Option<&'static str>),
    /// The handle is gone.
    Stopping,
}

impl Engine {
    /// Starts a process and waits until it has loaded the model.
    fn start(
        shared: &Shared,
        incarnation: u64,
        own: &mpsc::Sender<Event>,
        inbox: &Receiver<Event>,
    ) -> Result<(Self, Ready), EngineError> {
        let running = match &shared.launch {
            Launch::Direct(exe) => launch::spawn(exe, &shared.model),
            Launch::Launcher(launcher) => launcher.spawn(&shared.model),
        };
        let running = running.map_err(|e| EngineError::Start(e.to_string()))?;
        let (sender, receiver) = channel::split(running.end);
        listen(incarnation, receiver, own.clone());
        let now = Instant::now();
        let mut engine =
            Self { incarnation, process: running.process, sender, fault: None, opened: now, heard: now, kept: None };
        let until = Instant::now() + LOAD;
        let told = engine.sender.send(&Request::Start(shared.start));
        let outcome = match told {
            Ok(()) => engine.wait_until_ready(shared, inbox, until),
            Err(_) => Err(None),
        };
        match outcome {
            Ok(ready) => Ok((engine, ready)),
            Err(Some(error)) => {
                let _ = engine.process.end();
                Err(error)
            }
            Err(None) => {
                let how = engine.end();
                Err(EngineError::Start(how))
            }
        }
    }

    fn wait_until_ready(
        &mut self,
        shared: &Shared,
        inbox: &Receiver<Event>,
        until: Instant,
    ) -> Result<Ready, Option<EngineError>> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match inbox.recv_timeout(left) {
                Ok(Event::Reply(n, reply)) if n == self.incarnation => match reply {
                    Reply::Ready(ready) => return Ok(ready),
                    Reply::Error { code, .. } => return Err(Some(EngineError::Engine(code))),
                    Reply::Fault { place } => self.fault = Some(place),
                    _ => return Err(Some(EngineError::Start("it spoke out of turn".into()))),
                },
                Ok(Event::Gone(n)) if n == self.incarnation => return Err(None),
                Ok(_) if shared.stopping.load(Ordering::Acquire) => return Err(Some(EngineError::Stopping)),
                Ok(_) => {}
                Err(_) => return Err(Some(EngineError::Start("it took too long to load the model".into()))),
            }
        }
    }

    /// Gives it jobs until it ends or the handle is gone; then it is ended.
    fn serve(mut self, shared: &Shared, number: usize, inbox: &Receiver<Event>) {
        let mut jobs = Vec::new();
        let over = loop {
            if let Err(over) = self.step(shared, number, inbox, &mut jobs) {
                break over;
            }
        };
        shared.ready.fetch_sub(1, Ordering::AcqRel);
        let (why, stopping) = match over {
            Over::Stopping => (None, true),
            Over::Broken(why) => (why, false),
        };
        let how = self.end();
        let how = why.map_or(how, str::to_string);
        if !stopping {
            tracing::warn!(how, working = jobs.len(), "an engine ended and is started again");
        }
        for Current { job, began, .. } in jobs {
            shared.queue.ended(job.asker, began.elapsed());
            let error = if stopping { EngineError::Stopping } else { EngineError::Crashed(how.clone()) };
            job.tell(GenEvent::Failed(error));
        }
    }

    fn step(
        &mut self,
        shared: &Shared,
        number: usize,
        inbox: &Receiver<Event>,
        jobs: &mut Vec<Current>,
    ) -> Result<(), Over> {
        if shared.stopping.load(Ordering::Acquire) {
            return Err(Over::Stopping);
        }
        while let Some(job) = self.next(shared, jobs) {
            self.hand_over(shared, job, jobs)?;
        }
        let event = match jobs.is_empty() {
            true => match self.wait(shared, number, inbox)? {
                Some(event) => event,
                None => return Ok(()),
            },
            false => {
                self.cancel_abandoned(jobs)?;
                match inbox.recv_timeout(LOOK) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => return Ok(()),
                    Err(RecvTimeoutError::Disconnected) => return Err(Over::Stopping),
                }
            }
        };
        match event {
            Event::Reply(n, reply) if n == self.incarnation => self.heard(shared, reply, jobs),
            Event::Gone(n) if n == self.incarnation => Err(Over::Broken(None)),
            _ => Ok(()), // a wake-up, or an earlier process' last words
        }
    }

    /// Waits for something to do; until it is time to forget, if something was kept.
    fn wait(&mut self, shared: &Shared, number: usize, inbox: &Receiver<Event>) -> Result<Option<Event>, Over> {
        let Some((asker, until)) = self.kept else {
            return shared.queue.idle(number, None, || inbox.recv()).map(Some).map_err(|_| Over::Stopping);
        };
        let left = until.saturating_duration_since(Instant::now());
        match shared.queue.idle(number, Some(asker), || inbox.recv_timeout(left)) {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Disconnected) => Err(Over::Stopping),
            Err(RecvTimeoutError::Timeout) => {
                self.kept = None;
                self.sender.send(&Request::Forget).map(|()| None).map_err(|_| Over::Broken(None))
            }
        }
    }

    /// What it may begin now: anything while it is idle; else what may be answered with what it works on, until the
    /// context that they share has been open for long enough.
    fn next(&mut self, shared: &Shared, jobs: &[Current]) -> Option<Job> {
        let Some(Current { job: first, .. }) = jobs.first() else {
            self.opened = Instant::now();
            return shared.queue.take();
        };
        let open = jobs.len() < shared.start.together as usize && self.opened.elapsed() < OPEN;
        if open { shared.queue.join(first.asker) } else { None }
    }

    fn hand_over(&mut self, shared: &Shared, mut job: Job, jobs: &mut Vec<Current>) -> Result<(), Over> {
        let mut sampling = job.sampling.to_frame();
        if job.sampling.seed.is_none() {
            sampling.seed = u64::from_le_bytes(medlock_keys::random::bytes());
        }
        let messages = std::mem::take(&mut job.prompt.messages);
        let messages = messages.into_iter().map(|m| frame::Message { role: m.role.into(), content: m.content });
        let (id, scope, shape) = (job.id, job.asker.scope, job.prompt.shape.take());
        let keep = scope.is_some() && !shared.keep.is_zero();
        let mut request = frame::Generate { id, scope, keep, messages: messages.collect(), sampling, shape };
        let wrapped = Request::Generate(request);
        let sent = self.sender.send(&wrapped);
        request = match wrapped {
            Request::Generate(request) => request,
            _ => return Err(Over::Broken(None)),
        };
        request.messages.iter_mut().for_each(|m| m.content.zeroize());
        let now = Instant::now();
        let failed = |job: Job, error| {
            shared.queue.ended(job.asker, Duration::ZERO);
            job.tell(GenEvent::Failed(error));
        };
        match sent {
            Ok(()) => {
                if jobs.is_empty() {
                    self.heard = now;
                }
                jobs.push(Current { job, began: now, first: None, cancelled: None });
                Ok(())
            }
            Err(channel::ChannelError::TooLarge) => {
                failed(job, EngineError::BadRequest);
                Ok(())
            }
            Err(_) => {
                failed(job, EngineError::Crashed("it took no request".into()));
                Err(Over::Broken(None))
            }
        }
    }

    fn cancel_abandoned(&self, jobs: &mut [Current]) -> Result<(), Over> {
        for current in jobs {
            match current.cancelled {
                None if current.job.is_abandoned() => {
                    current.cancelled = Some(Instant::now());
                    let told = self.sender.send(&Request::Cancel { id: current.job.id });
                    told.map_err(|_| Over::Broken(None))?;
                }
                Some(since) if since.elapsed() > NOTICE => {
                    return Err(Over::Broken(Some("it did not stop when told to")));
                }
                _ => {}
            }
        }
        match self.heard.elapsed() > SILENCE {
            true => Err(Over::Broken(Some("it said nothing for too long"))),
            false => Ok(()),
        }
    }

    /// Acts on what the engine said. It is not trusted: whatever is out of turn ends it.
    fn heard(&mut self, shared: &Shared, reply: Reply, jobs: &mut Vec<Current>) -> Result<(), Over> {
        self.heard = Instant::now();
        let now = self.heard;
        let (id, event, last) = match reply {
            Reply::Fault { place } => {
                self.fault = Some(place);
                return Ok(());
            }
            Reply::Text { id, text } => (id, GenEvent::Text(ModelText::new(text)), false),
            Reply::Done { id, finish, prompt_tokens, completion_tokens, cached_tokens } => {
                let times = jobs.iter().find(|current| current.job.id == id).map(|c| c.times(now)).unwrap_or_default();
                let done = |finish| GenEvent::Done { finish, prompt_tokens, completion_tokens, cached_tokens, times };
                let event = match finish {
                    frame::Finish::Stop => done(Finish::Stop),
                    frame::Finish::Length => done(Finish::Length),
                    frame::Finish::Cancelled => GenEvent::Failed(EngineError::Cancelled),
                };
                (id, event, true)
            }
            Reply::Error { id: Some(id), code } => (id, GenEvent::Failed(error(code)), true),
            _ => return Err(Over::Broken(Some("it spoke out of turn"))),
        };
        let Some(at) = jobs.iter().position(|current| current.job.id == id) else {
            return Err(Over::Broken(Some("it spoke out of turn")));
        };
        jobs[at].first.get_or_insert(now);
        if last {
            let Current { job, began, .. } = jobs.remove(at);
            let keeps = job.asker.scope.is_some() && !shared.keep.is_zero();
            self.kept = keeps.then(|| (job.asker, Instant::now() + shared.keep));
            shared.queue.ended(job.asker, began.elapsed());
            job.tell(event);
        } else if !jobs[at].job.tell(event) {
            // Nobody listens, or more came than a context holds: the next look cancels it.
            jobs[at].job.cancel.cancel();
        }
        Ok(())
    }

    /// Ends the process and says how it had ended.
    fn end(self) -> String {
        let how = self.process.end().map_or_else(|e| e.to_string(), |ended| ended.to_string());
        match self.fault {
            Some(place) => format!("{how}, at {place}"),
            None => how,
        }
    }
}

fn error(code: ErrorCode) -> EngineError {
    match code {
        ErrorCode::ContextLengthExceeded { prompt_tokens, context } => {
            EngineError::ContextLengthExceeded { prompt_tokens, context }
        }
        ErrorCode::BadRequest => EngineError::BadRequest,
        ErrorCode::Template => EngineError::Template,
        ErrorCode::Shape => EngineError::Shape,
        ErrorCode::UnknownToken => EngineError::UnknownToken,
        other => EngineError::Engine(other),
    }
}

/// Reads one process' frames on a thread of their own, which ends with the process.
fn listen(incarnation: u64, mut receiver: channel::Receiver, events: mpsc::Sender<Event>) {
    let work = move || {
        while let Ok(reply) = receiver.receive() {
            if events.send(Event::Reply(incarnation, reply)).is_err() {
                return;
            }
        }
        let _ = events.send(Event::Gone(incarnation));
    };
    // Without the thread nothing is ever heard, and the start runs into its time-out.
    let _ = std::thread::Builder::new().name(format!("engine-ear-{incarnation}")).spawn(work);
}
