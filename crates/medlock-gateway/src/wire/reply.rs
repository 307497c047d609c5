//! An answer in one piece.

use medlock_domain::{ClassCounts, ModelName, RequestId, Timestamp};
use medlock_pipeline::{Event, Finish, Refusal, Usage};
use serde_json::{Value, json};

/// What every piece of one answer carries.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) model: ModelName,
}

impl Answer {
    pub(crate) fn new(request: &RequestId, now: Timestamp, model: ModelName) -> Self {
        let own = request.as_str().trim_start_matches("req_");
        Self { id: format!("chatcmpl-{own}"), created: now.seconds(), model }
    }

    /// The id of this answer's `i`th tool call.
    pub(crate) fn call_id(&self, choice: u32, i: usize) -> String {
        format!("call_{}_{choice}_{i}", self.id.trim_start_matches("chatcmpl-"))
    }

    pub(crate) fn object(&self, kind: &str, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model.as_str(),
            "system_fingerprint": null,
            "choices": choices,
        })
    }
}

/// Tokens, with the details that clients read without asking whether they are there.
pub(crate) fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens),
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": 0},
    })
}

/// Gathers the events of an answer that goes out whole.
pub(crate) struct Reply {
    answer: Answer,
    choices: Vec<Choice>,
    text_bytes: usize,
}

#[derive(Default)]
struct Choice {
    text: Option<String>,
    calls: Vec<Value>,
    finish: Option<Finish>,
}

/// What an event made of a [`Reply`].
pub(crate) enum Gathered {
    More,
    /// The body, how much of it is answer text, and what the filter took out.
    Whole {
        body: String,
        text_bytes: usize,
        usage: Usage,
        removed: ClassCounts,
    },
    Failed(Refusal),
}

impl Reply {
    pub(crate) fn new(answer: Answer, n: u32) -> Self {
        Self { answer, choices: (0..n).map(|_| Choice::default()).collect(), text_bytes: 0 }
    }

    /// Takes one event.
    pub(crate) fn take(&mut self, event: Event) -> Gathered {
        match event {
            Event::Text { choice, text } => {
                if let Some(c) = self.choices.get_mut(choice as usize) {
                    self.text_bytes += text.as_str().len();
                    c.text.get_or_insert_default().push_str(text.as_str());
                }
            }
            Event::ToolCall { choice, name, arguments } => {
                if let Some(c) = self.choices.get_mut(choice as usize) {
                    self.text_bytes += name.as_str().len() + arguments.as_str().len();
                    c.calls.push(json!({
                        "id": self.answer.call_id(choice, c.calls.len()),
                        "type": "function",
                        "function": {"name": name.as_str(), "arguments": arguments.as_str()},
                    }));
                }
            }
            Event::Done { choice, finish } => {
                if let Some(c) = self.choices.get_mut(choice as usize) {
                    c.finish = Some(finish);
                }
            }
            Event::End { usage, removed } => {
                let body = self.body(usage);
                return Gathered::Whole { body, text_bytes: self.text_bytes, usage, removed };
            }
            Event::Failed(refusal) => return Gathered::Failed(refusal),
        }
        Gathered::More
    }

    fn body(&mut self, tokens: Usage) -> String {
        let choices: Vec<Value> = self
            .choices
            .drain(..)
            .enumerate()
            .map(|(i, Choice { text, calls, finish })| {
                // Without calls the content is a string, be it an empty one.
                let content = if calls.is_empty() { Some(text.unwrap_or_default()) } else { text };
                let mut message = json!({"role": "assistant", "content": content, "refusal": null});
                if !calls.is_empty() {
                    message["tool_calls"] = calls.into();
                }
                json!({
                    "index": i,
                    "message": message,
                    "logprobs": null,
                    "finish_reason": finish.unwrap_or(Finish::Stop).as_str(),
                })
            })
            .collect();
        let mut object = self.answer.object("chat.completion", choices.into());
        object["usage"] = usage(tokens);
        object.to_string()
    }
}
