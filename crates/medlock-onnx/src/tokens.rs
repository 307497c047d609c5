//! From text to tokens, and from tokens to the windows that a model takes.

use crate::error::LoadError;
use crate::files::Read;
use std::ops::Range;
use tokenizers::Tokenizer;

/// No model is given more at once: attention is quadratic in it.
const LONGEST: usize = 512;
/// Text is turned into tokens in segments of about so many bytes, so that memory does not grow with it.
const SEGMENT: usize = 16 << 10;
/// What a segment shares with the one before.
const OVERLAP: usize = 1 << 10;

/// A token and the bytes of the text that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) id: i64,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A model's tokenizer and what goes around a window of tokens.
pub(crate) struct Tokens {
    tokenizer: Tokenizer,
    /// `[CLS]` or what the model calls it.
    before: Vec<i64>,
    after: Vec<i64>,
    /// Tokens that a window has room for besides those.
    room: usize,
}

impl Tokens {
    /// `encoder` is where in the configuration that of the network is, as a JSON pointer.
    pub(crate) fn new(file: &Read, config: &Read, encoder: &str) -> Result<Self, LoadError> {
        let wrong = |why: String| LoadError::wrong(&file.path, why);
        let mut tokenizer = Tokenizer::from_bytes(&file.bytes).map_err(|e| wrong(e.to_string()))?;
        tokenizer.with_truncation(None).map_err(|e| wrong(e.to_string()))?;
        tokenizer.with_padding(None);
        // It would keep words of the texts.
        let mut model = tokenizer.get_model().clone();
        model.resize_cache(0);
        tokenizer.with_model(model);
        // A text that spells `[SEP]` is text.
        tokenizer.set_encode_special_tokens(true);
        let (before, after) = around(&tokenizer).map_err(|why| wrong(why.to_owned()))?;
        let room = longest(config, encoder)?.saturating_sub(before.len() + after.len());
        if room < 16 {
            return Err(LoadError::wrong(&config.path, "max_position_embeddings leaves no room for a text"));
        }
        Ok(Self { tokenizer, before, after, room })
    }

    /// The tokens of a segment.
    pub(crate) fn of(&self, segment: &str) -> Result<Vec<Token>, &'static str> {
        let encoding = self.tokenizer.encode(segment, false).map_err(|_| "its tokenizer refused a text")?;
        let each = encoding.get_ids().iter().zip(encoding.get_offsets());
        Ok(each.map(|(id, (start, end))| Token { id: i64::from(*id), start: *start, end: *end }).collect())
    }

    /// The ids of a single word, given to the tokenizer by itself.
    pub(crate) fn of_word(&self, word: &str) -> Result<Vec<i64>, &'static str> {
        let encoding = self.tokenizer.encode(word, false).map_err(|_| "its tokenizer refused a word")?;
        Ok(encoding.get_ids().iter().map(|id| i64::from(*id)).collect())
    }

    /// The id of a token that stands in the vocabulary as it is written here.
    pub(crate) fn id(&self, token: &str) -> Option<i64> {
        self.tokenizer.token_to_id(token).map(i64::from)
    }

    /// What stands before and after every window.
    pub(crate) fn frame(&self) -> (&[i64], &[i64]) {
        (&self.before, &self.after)
    }

    /// Tokens that a window has room for besides its frame.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    /// A window's ids as the model takes them.
    pub(crate) fn framed(&self, window: &[Token]) -> Vec<i64> {
        let ids = window.iter().map(|t| t.id);
        self.before.iter().copied().chain(ids).chain(self.after.iter().copied()).collect()
    }

    /// How many rows of an answer stand before the first token's.
    pub(crate) fn lead(&self) -> usize {
        self.before.len()
    }

    /// The longest window, for a trial.
    pub(crate) fn trial(&self) -> Vec<Token> {
        let id = self.before.first().or(self.after.first()).copied().unwrap_or(0);
        vec![Token { id, start: 0, end: 0 }; self.room]
    }

    /// The windows over `n` tokens: what each sees, and of that what it decides about. Each token is decided
    /// once, where it has most around it.
    pub(crate) fn windows(&self, n: usize) -> Vec<(Range<usize>, Range<usize>)> {
        windows(n, self.room)
    }
}

/// What the tokenizer sets before and after a text.
fn around(tokenizer: &Tokenizer) -> Result<(Vec<i64>, Vec<i64>), &'static str> {
    let encoding = tokenizer.encode("the patient", true).map_err(|_| "it refuses a plain text")?;
    let special = |i: &usize| encoding.get_special_tokens_mask()[*i] == 1;
    let ids = encoding.get_ids();
    let first = (0..ids.len()).find(|i| !special(i)).ok_or("it makes no tokens of a plain text")?;
    let last = (0..ids.len()).rfind(|i| !special(i)).ok_or("it makes no tokens of a plain text")?;
    let wide = |ids: &[u32]| ids.iter().map(|id| i64::from(*id)).collect();
    Ok((wide(&ids[..first]), wide(&ids[last + 1..])))
}

/// How many tokens the model takes, as its configuration says.
fn longest(config: &Read, encoder: &str) -> Result<usize, LoadError> {
    let value: serde_json::Value =
        serde_json::from_slice(&config.bytes).map_err(|e| LoadError::wrong(&config.path, e))?;
    let Some(value) = value.pointer(encoder) else { return Ok(LONGEST) };
    let number = |key: &str| value[key].as_u64().and_then(|n| usize::try_from(n).ok());
    let Some(positions) = number("max_position_embeddings") else { return Ok(LONGEST) };
    // RoBERTa and its kin count from behind the padding token.
    let family = value["model_type"].as_str().unwrap_or_default();
    let taken =
        if family.contains("roberta") || family == "camembert" { number("pad_token_id").unwrap_or(1) + 1 } else { 0 };
    Ok(positions.saturating_sub(taken).min(LONGEST))
}

fn windows(n: usize, room: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let shared = room / 4;
    let mut out = Vec::new();
    let mut start = 0;
    loop {
        let end = (start + room).min(n);
        let from = if start == 0 { 0 } else { start + shared / 2 };
        let to = if end == n { n } else { end - (shared - shared / 2) };
        out.push((start..end, from..to));
        if end == n {
            return out;
        }
        start = end - shared;
    }
}

/// Where a text is cut: at the end of a line, or where a space is, or where a character ends.
pub(crate) fn segments(text: &str) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut start = 0;
    while text.len() - start > SEGMENT {
        let hard = text.floor_char_boundary(start + SEGMENT);
        let tail = text.floor_char_boundary(hard - OVERLAP);
        let end = text[tail..hard].rfind(['\n', ' ']).map_or(hard, |at| tail + at + 1);
        out.push(start..end);
        let back = text.floor_char_boundary(end - OVERLAP);
        start = text[back..end].find(['\n', ' ']).map_or(back, |at| back + at + 1);
    }
    out.push(start..text.len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_decided_once_and_not_at_an_edge() {
        for n in [0, 1, 15, 16, 17, 28, 40, 41, 1000] {
            let all = windows(n, 16);
            let decided: Vec<usize> = all.iter().flat_map(|(_, own)| own.clone()).collect();
            assert_eq!(decided, (0..n).collect::<Vec<_>>());
            for (seen, own) in all {
                assert!(seen.len() <= 16 && seen.start <= own.start && own.end <= seen.end);
                assert!(seen.start == 0 || own.start >= seen.start + 2, "{n}: {own:?} of {seen:?}");
                assert!(seen.end == n || own.end + 2 <= seen.end, "{n}: {own:?} of {seen:?}");
            }
        }
    }

    #[test]
    fn segments_cover_the_text_and_overlap() {
        for text in
            [String::new(), "née ".repeat(20_000), "é".repeat(50_000), "x".repeat(SEGMENT), "y\n".repeat(SEGMENT)]
        {
            let all = segments(&text);
            assert_eq!((all[0].start, all[all.len() - 1].end), (0, text.len()));
            for pair in all.windows(2) {
                assert!(pair[1].start < pair[0].end && pair[0].end - pair[1].start <= OVERLAP + 4);
            }
            assert!(all.iter().all(|s| s.len() <= SEGMENT && text.get(s.clone()).is_some()));
        }
    }
}
