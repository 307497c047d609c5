//! The OpenAI wire format of chat completions: strict in what it takes, exact in what it gives.

mod fields;
mod message;
mod params;
mod reply;
mod request;
mod sse;
mod strict;
#[cfg(test)]
mod tests;
mod tool;

pub(crate) use fields::{Fields, Place};
pub(crate) use reply::{Answer, Gathered, Reply};
pub(crate) use request::{Bounds, Wanted, chat};
pub(crate) use sse::{Ended, Frame, KEEP_ALIVE, Step, Stream, counted, event_line};
pub(crate) use strict::parse;
