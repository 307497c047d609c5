//! The body of a chat answer. It holds the request's `Delivery`, and so says what was handed to
//! the socket and whether all of it was; dropped before its end, it says that it was not.

use crate::app::App;
use crate::error::Fault;
use crate::front::Asked;
use crate::metrics::{Direction, InFlight};
use crate::quota::Place;
use crate::wire::{self, Ended, Frame, KEEP_ALIVE, Step};
use hyper::body::{Body, Bytes};
use medlock_domain::ClassCounts;
use medlock_pipeline::{Delivery, Event, Usage};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

/// A stream says something at least this often.
const QUIET: Duration = Duration::from_secs(15);

/// A chat request that is counted while this lives.
pub(crate) struct Counted {
    app: Arc<App>,
    asked: Asked,
    _slot: OwnedSemaphorePermit,
    place: Place,
    /// Bytes of text that went, and whether what the whole took has been counted.
    /// Of what was asked, and of what has gone.
    text_bytes: usize,
    spent: AtomicBool,
    _in_flight: InFlight,
}

impl Counted {
    pub(crate) fn new(
        app: Arc<App>,
        slot: OwnedSemaphorePermit,
        place: Place,
        asked: Asked,
        asked_bytes: usize,
    ) -> Self {
        let in_flight = app.metrics.chat();
        Self {
            app,
            asked,
            _slot: slot,
            place,
            text_bytes: asked_bytes,
            spent: AtomicBool::new(false),
            _in_flight: in_flight,
        }
    }

    /// The first text is about to go.
    fn first_text(&self) {
        self.app.metrics.first_text(self.asked.at.elapsed());
    }

    /// The answer is complete.
    pub(crate) fn ended(&self, text_bytes: usize, usage: Usage, removed: &ClassCounts) {
        if text_bytes > 0 {
            self.first_text();
        }
        self.took(usage, removed);
    }

    fn took(&self, usage: Usage, removed: &ClassCounts) {
        self.app.metrics.found(removed, Direction::Out);
        self.app.metrics.made(&usage);
        self.spend(u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens));
    }

    fn spend(&self, tokens: u64) {
        if !self.spent.swap(true, Ordering::SeqCst) {
            self.place.spend(tokens, self.app.clock.now());
        }
    }
}

impl Drop for Counted {
    /// Of an answer that somebody hung up on, or that failed, what was asked and what went is known in bytes: four to a token,
    /// as is usual for English.
    fn drop(&mut self) {
        self.spend(1 + self.text_bytes as u64 / 4);
    }
}

/// See the module.
pub(crate) struct AnswerBody {
    pending: VecDeque<Frame>,
    source: Option<Source>,
    said_something: bool,
    state: State,
    delivery: Delivery,
    counted: Counted,
}

struct Source {
    events: mpsc::Receiver<Event>,
    stream: wire::Stream,
    keep_alive: Interval,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Everything has been handed over, and the server has been given a turn to flush it.
    Last,
}

impl AnswerBody {
    /// An answer in one piece.
    pub(crate) fn whole(body: String, text_bytes: usize, delivery: Delivery, counted: Counted) -> Self {
        let pending = VecDeque::from([Frame { bytes: body.into(), text_bytes }]);
        Self { pending, source: None, said_something: true, state: State::Open, delivery, counted }
    }

    /// An answer as it comes.
    pub(crate) fn streamed(
        stream: wire::Stream,
        events: mpsc::Receiver<Event>,
        delivery: Delivery,
        counted: Counted,
    ) -> Self {
        let mut keep_alive = interval_at(tokio::time::Instant::now() + QUIET, QUIET);
        keep_alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let pending = VecDeque::from([stream.opening()]);
        let source = Some(Source { events, stream, keep_alive });
        Self { pending, source, said_something: false, state: State::Open, delivery, counted }
    }

    /// The next frame, or nothing when all have been handed over.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame>> {
        if let Some(frame) = self.pending.pop_front() {
            return Poll::Ready(Some(frame));
        }
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let Poll::Ready(event) = source.events.poll_recv(cx) else {
            return source.keep_alive.poll_tick(cx).map(|_| Some(Frame::plain(KEEP_ALIVE)));
        };
        source.keep_alive.reset();
        let Step { frames, end } = match event {
            Some(event) => source.stream.step(event),
            None => Step { frames: Vec::new(), end: Some(Ended::Lost) },
        };
        self.pending.extend(frames);
        match end {
            None => {}
            Some(Ended::Whole { usage, removed }) => {
                self.counted.took(usage, &removed);
                self.source = None;
            }
            Some(Ended::Failed(refusal)) => self.fail(&refusal.into()),
            Some(Ended::Lost) => self.fail(&Fault::internal()),
        }
        Poll::Ready(self.pending.pop_front())
    }

    /// It broke off after it had begun: the error is an event, and the last one.
    fn fail(&mut self, fault: &Fault) {
        let line = wire::event_line(&fault.body(&self.counted.asked.request));
        self.pending.push_back(Frame::plain(line));
        self.source = None;
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        match this.state {
            State::Open => {}
            // To be asked again means that what was handed over has been taken further.
            State::Last => {
                this.delivery.finished();
                return Poll::Ready(None);
            }
        }
        match std::task::ready!(this.poll_next(cx)) {
            Some(frame) => {
                if frame.text_bytes > 0 && !std::mem::replace(&mut this.said_something, true) {
                    this.counted.first_text();
                }
                this.counted.text_bytes += frame.text_bytes;
                this.delivery.wrote(frame.text_bytes);
                Poll::Ready(Some(Ok(hyper::body::Frame::data(frame.bytes))))
            }
            None => {
                this.state = State::Last;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
