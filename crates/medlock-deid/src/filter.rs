//! From what a model said to what may be released.
//!
//! The text is decided in steps. Each step stands at an offset of the whole answer, looks at
//! [`BACK`] bytes before it and [`STEP`] + [`AHEAD`] bytes after it, decides about [`STEP`] bytes,
//! and is taken only once all of those bytes are there or the answer has ended. So what a step sees
//! and where the next one stands follow from the answer alone, not from how it was split, and no
//! more than `STEP + AHEAD` bytes (and one finding) are ever held back.
//!
//! A step ends between words and inside no finding. A finding that may go on beyond what can be
//! seen is removed as far as it is seen, and the rest of its word with it. A run without a space
//! that is longer than what can be seen ahead is removed as a whole.

mod findings;
mod seam;

use std::fmt;

use self::findings::Found;
use medlock_domain::{ClassCounts, ModelText, PhiClass, PhiClasses};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::placeholder;
use crate::surrogates::Surrogates;
use crate::values::Matcher;
use crate::{Detector, RecognizerError};

/// Bytes before a step that say what its text is about.
const BACK: usize = 256;
/// Bytes that a step decides.
const STEP: usize = 32;
/// Bytes after those that a step sees: an identifier up to this long is whole before its first
/// byte is released.
const AHEAD: usize = 80;
/// A finding that ends closer than this to what can be seen may go on.
const SETTLED: usize = 24;
/// How far beyond its bytes a step may go to end between words.
const STRETCH: usize = 32;
/// The most leaked values that are looked for again in the same answer.
const MET: usize = 1024;
/// Stands for a run that was too long to judge.
const REMOVED: &str = "[REMOVED]";

/// What happens to an identifier in an answer that the caller did not bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLeak {
    /// Its class stands in its place.
    Redact,
    /// The answer ends there.
    Block,
}

/// The answer is not to go on. What had been pushed and not returned
/// before is not released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BlockedOutput {
    /// It holds an identifier of this class.
    #[error("the answer holds an identifier: {0}")]
    Identifier(PhiClass),
    /// Nobody knows what it holds.
    #[error(transparent)]
    Unsearched(#[from] RecognizerError),
}

/// Text that has passed the output filter. Made here only.
#[derive(PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ReleasableText(String);

impl ReleasableText {
    /// The text, its placeholders as the model wrote them.
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[cfg(test)]
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for ReleasableText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReleasableText({} bytes)", self.0.len())
    }
}

/// Takes an answer piece by piece and lets through what identifies nobody but by placeholders of
/// this request, or, in `identified` mode, by what the caller itself said.
pub struct OutputFilter {
    detector: &'static Detector,
    surrogates: Surrogates,
    action: OnLeak,
    /// The undecided text, and before it what was decided last.
    text: Zeroizing<String>,
    /// Whether `text` begins where the answer does.
    from_start: bool,
    /// Where in `text` the next step stands.
    at: usize,
    /// Where the last removal ended.
    removed_to: Option<usize>,
    /// The last removal ended for want of sight, inside a finding.
    cut: bool,
    /// A run is being removed: up to the next place between words.
    in_run: bool,
    /// What this answer gave away: removed again wherever it comes again.
    met: Matcher,
    met_count: usize,
    removed: ClassCounts,
    blocked: Option<BlockedOutput>,
}

impl OutputFilter {
    /// A filter for one answer to the request that `surrogates` belong to.
    pub fn new(detector: &'static Detector, surrogates: &Surrogates, action: OnLeak) -> Self {
        Self {
            detector,
            surrogates: surrogates.clone(),
            action,
            text: Zeroizing::default(),
            from_start: true,
            at: 0,
            removed_to: None,
            cut: false,
            in_run: false,
            met: Matcher::default(),
            met_count: 0,
            removed: ClassCounts::default(),
            blocked: None,
        }
    }

    /// Takes the next piece; gives what is decided.
    pub fn push(&mut self, piece: ModelText) -> Result<Vec<ReleasableText>, BlockedOutput> {
        self.append(piece.expose_unfiltered());
        let mut out = Zeroizing::new(String::with_capacity(piece.expose_unfiltered().len() + STEP));
        while self.text.len() - self.at >= STEP + AHEAD {
            self.step(false, &mut out)?;
        }
        self.forget();
        Ok(released(&out))
    }

    /// The answer has ended: gives the rest of it, and what was removed in all.
    pub fn finish(mut self) -> Result<(Vec<ReleasableText>, ClassCounts), BlockedOutput> {
        let mut out = Zeroizing::new(String::with_capacity(STEP + AHEAD));
        while self.at < self.text.len() {
            self.step(true, &mut out)?;
        }
        match self.blocked {
            Some(blocked) => Err(blocked),
            None => Ok((released(&out), self.removed.clone())),
        }
    }

    fn append(&mut self, piece: &str) {
        let needed = self.text.len() + piece.len();
        if needed > self.text.capacity() {
            let mut moved = Zeroizing::new(String::with_capacity(needed.max(2048).next_power_of_two()));
            moved.push_str(&self.text);
            self.text = moved;
        }
        self.text.push_str(piece);
    }

    /// Drops what no later step looks back at.
    fn forget(&mut self) {
        let gone = self.text.floor_char_boundary(self.at.saturating_sub(BACK));
        if gone > 0 {
            self.text.drain(..gone);
            self.at -= gone;
            self.removed_to = self.removed_to.and_then(|r| r.checked_sub(gone));
            self.from_start = false;
        }
    }

    fn step(&mut self, last: bool, out: &mut String) -> Result<(), BlockedOutput> {
        if let Some(blocked) = self.blocked {
            return Err(blocked);
        }
        let (end, limit) = if last {
            (self.text.len(), self.text.len())
        } else {
            (self.text.floor_char_boundary(self.at + STEP + AHEAD), self.text.floor_char_boundary(self.at + STEP))
        };
        if self.in_run {
            self.skip_run(limit);
            return Ok(());
        }
        let found = self.findings(limit, end).map_err(|e| self.block(e.into()))?;
        if std::mem::take(&mut self.cut) && found.first().is_none_or(|f| f.start > self.at) {
            self.in_run = true; // the word goes on, though nothing is found in it any more
            return Ok(());
        }
        match found.first().copied() {
            Some(f) if f.start <= self.at => return self.take_out(f, limit, last || f.end + SETTLED <= end, out),
            Some(f) if f.start <= limit => {
                self.release(f.start, out);
                return self.take_out(f, limit, last || f.end + SETTLED <= end, out);
            }
            _ if last => self.release(end, out),
            next => match seam::find(&self.text[..end], self.at, limit, next.map(|f| f.start)) {
                Some(seam) => self.release(seam, out),
                None => {
                    self.removed.add(PhiClass::Id);
                    out.push_str(REMOVED);
                    self.in_run = true;
                    self.at = limit;
                }
            },
        }
        Ok(())
    }

    /// Removes a finding that the step stands in, `whole` or as far as the step goes. The next step
    /// then looks for it as well.
    fn take_out(&mut self, f: Found, limit: usize, whole: bool, out: &mut String) -> Result<(), BlockedOutput> {
        let continued = f.start < self.at && self.removed_to == Some(self.at);
        if !continued {
            self.removed.add(f.class);
            if self.action == OnLeak::Block {
                return Err(self.block(BlockedOutput::Identifier(f.class)));
            }
            out.push_str(&placeholder::mark(f.class));
        }
        if whole {
            self.meet(f);
            self.at = f.end;
        } else {
            // At `limit` at the latest, which lies behind where the step stands.
            self.at = limit.max(self.at + 1).min(f.end);
            self.at = self.text.ceil_char_boundary(self.at);
            self.cut = true;
        }
        self.removed_to = Some(self.at);
        Ok(())
    }

    /// From here on nothing comes out.
    fn block(&mut self, why: BlockedOutput) -> BlockedOutput {
        self.blocked = Some(why);
        why
    }

    fn release(&mut self, to: usize, out: &mut String) {
        out.push_str(&self.text[self.at..to]);
        self.at = to;
    }

    fn skip_run(&mut self, limit: usize) {
        match seam::between(&self.text, self.at, limit) {
            Some(seam) => {
                self.at = seam;
                self.in_run = false;
            }
            None => self.at = limit,
        }
    }

    /// What was found goes on being found: forward only, since what went before is gone.
    fn meet(&mut self, f: Found) {
        if self.met_count < MET {
            self.met_count += 1;
            self.met.add(self.detector, f.class, PhiClasses::only(f.class), 1.0, &self.text[f.start..f.end]);
        }
    }
}

impl fmt::Debug for OutputFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OutputFilter({} bytes held)", self.text.len() - self.at)
    }
}

fn released(out: &str) -> Vec<ReleasableText> {
    if out.is_empty() { Vec::new() } else { vec![ReleasableText(out.to_owned())] }
}

#[cfg(test)]
mod tests;
