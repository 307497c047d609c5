//! One thread for each engine process: starts it, gives it work, passes its words on, and starts it
//! again when it ends. The same thread starts every process, because an engine is killed when the
//! thread that started it ends.

use crate::handle::Shared;
use crate::queue::Job;
use crate::{EngineError, Finish, GenEvent, Launch};
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
                engine.serve(shared, inbox);
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
}

/// The generation that an engine works on.
struct Current {
    job: Job,
    began: Instant,
    heard: Instant,
    cancelled: Option<Instant>,
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
        let mut engine = Self { incarnation, process: running.process, sender, fault: None };
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

    /// Gives it one job after another until it ends or the handle is gone; then it is ended.
    fn serve(mut self, shared: &Shared, inbox: &Receiver<Event>) {
        let mut current = None;
        let over = loop {
            if let Err(over) = self.step(shared, inbox, &mut current) {
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
            tracing::warn!(how, working = current.is_some(), "an engine ended and is started again");
        }
        if let Some(Current { job, began, .. }) = current {
            shared.queue.ended(began.elapsed());
            let error = if stopping { EngineError::Stopping } else { EngineError::Crashed(how) };
            job.tell(GenEvent::Failed(error));
        }
    }

    fn step(&mut self, shared: &Shared, inbox: &Receiver<Event>, current: &mut Option<Current>) -> Result<(), Over> {
        if shared.stopping.load(Ordering::Acquire) {
            return Err(Over::Stopping);
        }
        if current.is_none() {
            *current = self.next(shared)?;
        }
        let event = match current {
            None => inbox.recv().map_err(|_| Over::Stopping)?,
            Some(current) => {
                self.cancel_if_abandoned(current)?;
                match inbox.recv_timeout(LOOK) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => return Ok(()),
                    Err(RecvTimeoutError::Disconnected) => return Err(Over::Stopping),
                }
            }
        };
        match event {
            Event::Reply(n, reply) if n == self.incarnation => self.heard(shared, reply, current),
            Event::Gone(n) if n == self.incarnation => Err(Over::Broken(None)),
            _ => Ok(()), // a wake-up, or an earlier process' last words
        }
    }

    /// Takes the next job from the queue and hands it to the engine.
    fn next(&self, shared: &Shared) -> Result<Option<Current>, Over> {
        let Some(mut job) = shared.queue.take() else { return Ok(None) };
        let mut sampling = job.sampling.to_frame();
        if job.sampling.seed.is_none() {
            sampling.seed = u64::from_le_bytes(medlock_keys::random::bytes());
        }
        let messages = std::mem::take(&mut job.prompt.messages);
        let messages = messages.into_iter().map(|m| frame::Message { role: m.role.into(), content: m.content });
        let shape = job.prompt.shape.take();
        let mut request = frame::Generate { id: job.id, messages: messages.collect(), sampling, shape };
        let wrapped = Request::Generate(request);
        let sent = self.sender.send(&wrapped);
        request = match wrapped {
            Request::Generate(request) => request,
            _ => return Err(Over::Broken(None)),
        };
        request.messages.iter_mut().for_each(|m| m.content.zeroize());
        let now = Instant::now();
        match sent {
            Ok(()) => Ok(Some(Current { job, began: now, heard: now, cancelled: None })),
            Err(channel::ChannelError::TooLarge) => {
                shared.queue.ended(Duration::ZERO);
                job.tell(GenEvent::Failed(EngineError::BadRequest));
                Ok(None)
            }
            Err(_) => {
                shared.queue.ended(Duration::ZERO);
                job.tell(GenEvent::Failed(EngineError::Crashed("it took no request".into())));
                Err(Over::Broken(None))
            }
        }
    }

    fn cancel_if_abandoned(&self, current: &mut Current) -> Result<(), Over> {
        match current.cancelled {
            None if current.job.is_abandoned() => {
                current.cancelled = Some(Instant::now());
                let told = self.sender.send(&Request::Cancel { id: current.job.id });
                told.map_err(|_| Over::Broken(None))
            }
            Some(since) if since.elapsed() > NOTICE => Err(Over::Broken(Some("it did not stop when told to"))),
            None if current.heard.elapsed() > SILENCE => Err(Over::Broken(Some("it said nothing for too long"))),
            _ => Ok(()),
        }
    }

    /// Acts on what the engine said. It is not trusted: whatever is out of turn ends it.
    fn heard(&mut self, shared: &Shared, reply: Reply, current: &mut Option<Current>) -> Result<(), Over> {
        if let Reply::Fault { place } = reply {
            self.fault = Some(place);
            return Ok(());
        }
        let out_of_turn = Err(Over::Broken(Some("it spoke out of turn")));
        let Some(mut now) = current.take() else { return out_of_turn };
        now.heard = Instant::now();
        let last = match reply {
            Reply::Text { id, text } if id == now.job.id => {
                let text = ModelText::new(text);
                // Nobody listens, or more came than a context holds: the next look cancels it.
                if !now.job.tell(GenEvent::Text(text)) {
                    now.job.cancel.cancel();
                }
                *current = Some(now);
                return Ok(());
            }
            Reply::Done { id, finish, prompt_tokens, completion_tokens } if id == now.job.id => match finish {
                frame::Finish::Stop => done(Finish::Stop, prompt_tokens, completion_tokens),
                frame::Finish::Length => done(Finish::Length, prompt_tokens, completion_tokens),
                frame::Finish::Cancelled => GenEvent::Failed(EngineError::Cancelled),
            },
            Reply::Error { id: Some(id), code } if id == now.job.id => GenEvent::Failed(error(code)),
            _ => {
                *current = Some(now); // it fails with the engine
                return out_of_turn;
            }
        };
        shared.queue.ended(now.began.elapsed());
        now.job.tell(last);
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

fn done(finish: Finish, prompt_tokens: u32, completion_tokens: u32) -> GenEvent {
    GenEvent::Done { finish, prompt_tokens, completion_tokens }
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
            let last = matches!(reply, Reply::Done { .. } | Reply::Error { .. });
            if events.send(Event::Reply(incarnation, reply)).is_err() {
                return;
            }
            if last {
                receiver.wipe();
            }
        }
        let _ = events.send(Event::Gone(incarnation));
    };
    // Without the thread nothing is ever heard, and the start runs into its time-out.
    let _ = std::thread::Builder::new().name(format!("engine-ear-{incarnation}")).spawn(work);
}
