//! A labelled text.

use medlock_domain::PhiClass;

/// What a stretch of text is: an identifier, or (`None`) nothing that training should count either way.
pub(crate) type Label = Option<PhiClass>;

/// A text with labelled spans in bytes, sorted and apart.
#[derive(Clone, Default)]
pub(crate) struct Document {
    pub(crate) text: String,
    pub(crate) spans: Vec<(usize, usize, Label)>,
}

impl Document {
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(crate) fn push_labelled(&mut self, text: &str, label: Label) {
        let start = self.text.len();
        self.text.push_str(text);
        if !text.is_empty() {
            self.spans.push((start, self.text.len(), label));
        }
    }

    /// The text in pieces, labelled or not.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = (&str, Option<Label>)> {
        let mut at = 0;
        let mut spans = self.spans.iter().peekable();
        std::iter::from_fn(move || {
            let next = spans.peek().copied();
            match next {
                Some((start, end, label)) if at == *start => {
                    spans.next();
                    at = *end;
                    Some((&self.text[*start..*end], Some(*label)))
                }
                Some((start, ..)) => {
                    let piece = &self.text[at..*start];
                    at = *start;
                    Some((piece, None))
                }
                None if at < self.text.len() => {
                    let piece = &self.text[at..];
                    at = self.text.len();
                    Some((piece, None))
                }
                None => None,
            }
        })
    }

    /// The same text with each piece made anew.
    pub(crate) fn map(&self, mut f: impl FnMut(&str, Option<Label>) -> String) -> Document {
        let mut out = Document::default();
        for (piece, label) in self.pieces() {
            let made = f(piece, label);
            match label {
                Some(label) => out.push_labelled(&made, label),
                None => out.push(&made),
            }
        }
        out
    }
}
