//! An answer in pieces: server-sent events.

use super::reply::{Answer, usage};
use bytes::Bytes;
use medlock_domain::ClassCounts;
use medlock_pipeline::{Event, Refusal, Usage};
use serde_json::{Value, json};

/// The last event of an answer that came to its end.
pub(crate) const DONE: &str = "data: [DONE]\n\n";
/// Keeps proxies from giving up on a slow model.
pub(crate) const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// Bytes for the socket, with how many of them are answer text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) text_bytes: usize,
}

impl Frame {
    pub(crate) fn plain(text: impl Into<Bytes>) -> Self {
        Self { bytes: text.into(), text_bytes: 0 }
    }
}

/// Turns the events of one answer into frames.
pub(crate) struct Stream {
    answer: Answer,
    n: u32,
    include_usage: bool,
    found: ClassCounts,
    calls: Vec<usize>,
}

/// What comes of an event.
pub(crate) struct Step {
    pub(crate) frames: Vec<Frame>,
    pub(crate) end: Option<Ended>,
}

/// How a stream ended.
pub(crate) enum Ended {
    Whole {
        usage: Usage,
        removed: ClassCounts,
    },
    Failed(Refusal),
    /// Without a word: the guarded path is gone.
    Lost,
}

impl Stream {
    pub(crate) fn new(answer: Answer, n: u32, include_usage: bool, found: ClassCounts) -> Self {
        Self { answer, n, include_usage, found, calls: vec![0; n as usize] }
    }

    /// The first frame: every choice says who speaks.
    pub(crate) fn opening(&self) -> Frame {
        let text = (0..self.n)
            .map(|i| self.chunk(i, json!({"role": "assistant", "content": "", "refusal": null}), Value::Null))
            .collect::<String>();
        Frame::plain(text)
    }

    /// The frames of one event.
    pub(crate) fn step(&mut self, event: Event) -> Step {
        let frame = match event {
            Event::Text { choice, text } => {
                let text_bytes = text.as_str().len();
                let chunk = self.chunk(choice, json!({"content": text.as_str()}), Value::Null);
                Frame { bytes: chunk.into(), text_bytes }
            }
            Event::ToolCall { choice, name, arguments } => {
                let i = self.calls.get_mut(choice as usize).map_or(0, |n| std::mem::replace(n, *n + 1));
                let call = json!({
                    "index": i,
                    "id": self.answer.call_id(choice, i),
                    "type": "function",
                    "function": {"name": name.as_str(), "arguments": arguments.as_str()},
                });
                let text_bytes = name.as_str().len() + arguments.as_str().len();
                Frame { bytes: self.chunk(choice, json!({"tool_calls": [call]}), Value::Null).into(), text_bytes }
            }
            Event::Done { choice, finish } => Frame::plain(self.chunk(choice, json!({}), finish.as_str().into())),
            Event::End { usage: tokens, removed } => {
                let mut text = String::new();
                if self.include_usage {
                    let mut object = self.answer.object("chat.completion.chunk", json!([]));
                    object["usage"] = usage(tokens);
                    text += &event_line(&object);
                }
                text += &findings(&self.found, &removed);
                text += DONE;
                return Step { frames: vec![Frame::plain(text)], end: Some(Ended::Whole { usage: tokens, removed }) };
            }
            Event::Failed(refusal) => return Step { frames: Vec::new(), end: Some(Ended::Failed(refusal)) },
        };
        Step { frames: vec![frame], end: None }
    }

    fn chunk(&self, choice: u32, delta: Value, finish: Value) -> String {
        let choices = json!([{"index": choice, "delta": delta, "logprobs": null, "finish_reason": finish}]);
        let mut object = self.answer.object("chat.completion.chunk", choices);
        if self.include_usage {
            object["usage"] = Value::Null;
        }
        event_line(&object)
    }
}

/// One event. JSON text has no line breaks outside of strings and none unescaped inside.
pub(crate) fn event_line(object: &Value) -> String {
    format!("data: {object}\n\n")
}

/// Counts by class, as a comment that clients skip.
fn findings(found: &ClassCounts, removed: &ClassCounts) -> String {
    format!(": medlock-findings {}; removed {}\n\n", counted(found), counted(removed))
}

/// `DATE=2,NAME=1`, or `none`.
pub(crate) fn counted(counts: &ClassCounts) -> String {
    if counts.total() == 0 { "none".into() } else { counts.to_string() }
}
