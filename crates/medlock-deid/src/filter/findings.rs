//! What a step finds: identifiers by rule, values of this request, values met earlier in the same
//! answer; without what stands for a value, without what the caller itself said in `identified`
//! mode, and otherwise without what repeats the protected request in its own context: that was
//! judged whole, and a stand-in beside it (`pulse 72. Dr. [NAME-1]`) must not make it look like more.

use medlock_domain::{Finding, PhiClass, ProtectionMode, Span};

use super::{BACK, OutputFilter};
use crate::RecognizerError;
use crate::deidentify::is_nobodys;
use crate::detect::title;
use crate::placeholder;
use crate::protect::merge;
use crate::values::{Words, is_title};

/// A finding at offsets of the filter's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) class: PhiClass,
}

impl OutputFilter {
    /// Findings that end after the place where the step stands; sorted, not overlapping.
    pub(super) fn findings(&self, limit: usize, end: usize) -> Result<Vec<Found>, RecognizerError> {
        let left = self.left();
        let window = &self.text[left..end];
        let mut found = self.detector.try_detect(window)?;
        title::leave(window, &mut found);
        found.extend(self.met.find(window));
        let identified = self.surrogates.mode() == ProtectionMode::Identified;
        if !identified {
            found.extend(self.surrogates.matcher().find(window));
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let stand_ins = self.stand_ins(window);
        let mut out = Vec::with_capacity(found.len());
        for f in found {
            rest(window, f, &stand_ins, &mut out);
        }
        let own = self.surrogates.own();
        // Whose a finding is costs a look through the request: only where it matters now.
        out.retain(|f| {
            left + f.span.end > self.at
                && (left + f.span.start > limit
                    || if identified {
                        !own.said(f.class, &window[f.span.start..f.span.end])
                    } else {
                        !own.echoed(window, f.span)
                    })
        });
        let placed = |f: Finding| Found { start: left + f.span.start, end: left + f.span.end, class: f.class };
        Ok(merge(out).into_iter().map(placed).collect())
    }

    /// Where what is looked at begins: at a line if one begins in the further part of what lies
    /// behind, else at a word.
    fn left(&self) -> usize {
        let raw = self.text.floor_char_boundary(self.at.saturating_sub(BACK));
        if raw == 0 && self.from_start {
            return 0;
        }
        let line = self.text[raw..self.at].find('\n').map(|i| raw + i + 1).filter(|i| self.at - i >= BACK / 2);
        let word = || {
            self.text[raw..self.at].char_indices().find(|(_, c)| c.is_whitespace()).map(|(i, c)| raw + i + c.len_utf8())
        };
        line.or_else(word).unwrap_or(raw)
    }

    /// Where this request's placeholders and stand-ins stand, and bare classes, which stand for nothing.
    fn stand_ins(&self, window: &str) -> Vec<Span> {
        let mut out = Vec::new();
        let mut before = None;
        let mut at = 0;
        while let Some(c) = window[at..].chars().next() {
            let rest = &window[at..];
            let known = placeholder::parse(rest, before, true)
                .ok()
                .flatten()
                .filter(|s| self.surrogates.value(s.class, s.number).is_some())
                .map(|s| s.len)
                .or_else(|| mark(rest))
                .or_else(|| self.surrogates.stand_ins().next(rest, before, true).ok().flatten().map(|(len, _)| len));
            let len = known.unwrap_or(c.len_utf8());
            if known.is_some() {
                out.push(Span { start: at, end: at + len });
            }
            before = rest[..len].chars().next_back();
            at += len;
        }
        out
    }
}

/// The length of a mark such as `[NAME]` at the start of `text`.
fn mark(text: &str) -> Option<usize> {
    let label = text.strip_prefix('[')?.split_once(']')?.0;
    PhiClass::from_label(label).map(|_| label.len() + 2)
}

/// Adds what is left of a finding without the stand-ins in it: `[NAME-1] Smith` leaves `Smith`.
fn rest(window: &str, f: Finding, stand_ins: &[Span], out: &mut Vec<Finding>) {
    let mut start = f.span.start;
    let mut whole = true;
    let mut part = |start: usize, end: usize, whole: bool| {
        let text = &window[start..end];
        let span = if whole {
            f.span
        } else {
            let alnum = |c: char| c.is_alphanumeric();
            let (Some(a), Some(b)) = (text.find(alnum), text.char_indices().rfind(|(_, c)| alnum(*c))) else { return };
            Span { start: start + a, end: start + b.0 + b.1.len_utf8() }
        };
        let says = |w: &str| w.chars().count() > 1 && !is_title(w);
        if whole
            || !is_nobodys(f.class, &window[span.start..span.end])
                && Words::of(&window[span.start..span.end]).iter().any(says)
        {
            out.push(Finding { span, ..f });
        }
    };
    for s in stand_ins.iter().filter(|s| s.overlaps(f.span)) {
        whole = false;
        if s.start > start {
            part(start, s.start, false);
        }
        start = start.max(s.end);
    }
    if start < f.span.end {
        part(start, f.span.end, whole);
    }
}
