//! From the bytes of tokens to text that may leave: whole characters only, and nothing that may
//! yet turn out to be the beginning of a stop text.

use zeroize::Zeroizing;

/// Holds back what is not certain yet.
pub(crate) struct Stops {
    stops: Vec<String>,
    /// Bytes of a character that is not complete.
    partial: Zeroizing<Vec<u8>>,
    /// Text that may be the beginning of a stop text.
    held: Zeroizing<String>,
    stopped: bool,
}

impl Stops {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops, partial: Zeroizing::default(), held: Zeroizing::default(), stopped: false }
    }

    /// Takes a token's bytes, gives what is certain: perhaps nothing.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> String {
        if self.stopped {
            return String::new();
        }
        self.partial.extend_from_slice(bytes);
        let whole = decode(&mut self.partial);
        self.held.push_str(&whole);
        if let Some(at) = self.stops.iter().filter_map(|s| self.held.find(s.as_str())).min() {
            self.stopped = true;
            return self.release(at);
        }
        let keep = self.stops.iter().map(|s| overlap(&self.held, s)).max().unwrap_or(0);
        self.release(self.held.len() - keep)
    }

    /// Whether a stop text has been reached.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// The answer ends here: what was held back was no stop text after all.
    pub(crate) fn finish(mut self) -> String {
        if self.stopped {
            return String::new();
        }
        if !self.partial.is_empty() {
            self.held.push(char::REPLACEMENT_CHARACTER);
        }
        self.release(self.held.len())
    }

    fn release(&mut self, bytes: usize) -> String {
        let rest = Zeroizing::new(self.held.split_off(bytes));
        std::mem::replace(&mut self.held, rest).to_string()
    }
}

/// Takes the whole characters out of `bytes`; what cannot be a character becomes U+FFFD.
fn decode(bytes: &mut Vec<u8>) -> String {
    let mut out = String::new();
    let mut rest = bytes.as_slice();
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                rest = &[];
                break;
            }
            Err(e) => {
                let (good, bad) = rest.split_at(e.valid_up_to());
                out.push_str(std::str::from_utf8(good).expect("from_utf8 said that it is valid up to here"));
                rest = bad;
                let Some(len) = e.error_len() else { break }; // an unfinished character
                out.push(char::REPLACEMENT_CHARACTER);
                rest = &rest[len..];
            }
        }
    }
    let unfinished = rest.len();
    let start = bytes.len() - unfinished;
    bytes.drain(..start);
    out
}

/// How many bytes at the end of `text` are a beginning of `stop`, but not all of it.
fn overlap(text: &str, stop: &str) -> usize {
    let longest = text.len().min(stop.len() - 1);
    (1..=longest).rev().find(|n| stop.is_char_boundary(*n) && text.ends_with(&stop[..*n])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that comes out however the bytes are cut into pieces of `size`.
    fn run(text: &str, stops: &[&str], size: usize) -> (String, bool) {
        let mut s = Stops::new(stops.iter().map(|s| (*s).into()).collect());
        let mut out = String::new();
        for piece in text.as_bytes().chunks(size) {
            out += &s.push(piece);
        }
        let stopped = s.stopped();
        (out + &s.finish(), stopped)
    }

    #[track_caller]
    fn check(text: &str, stops: &[&str], expected: &str, stopped: bool) {
        for size in 1..=text.len().max(1) {
            assert_eq!(run(text, stops, size), (expected.into(), stopped), "pieces of {size}");
        }
    }

    #[test]
    fn the_answer_ends_before_the_first_stop() {
        check("one two three", &["two"], "one ", true);
        check("aaab", &["aab"], "a", true);
        check("abcabd", &["abd", "zzz"], "abc", true);
        check("ünïcödé →", &["→"], "ünïcödé ", true);
        check("x", &["x"], "", true);
        check("one STOP", &["STOP", "e S"], "on", true);
    }

    #[test]
    fn what_only_looked_like_a_stop_is_given_in_the_end() {
        check("one tw", &["two"], "one tw", false);
        check("", &["two"], "", false);
        check("a→b🙂c", &[], "a→b🙂c", false);
    }

    #[test]
    fn nothing_uncertain_leaves_early() {
        let mut s = Stops::new(vec!["</end>".into()]);
        assert_eq!(s.push(b"hi </e"), "hi ");
        assert_eq!(s.push(b"x"), "</ex");
        assert_eq!(s.push(&"🙂".as_bytes()[..3]), "");
        assert_eq!(s.push(&"🙂".as_bytes()[3..]), "🙂");
    }

    #[test]
    fn broken_bytes_become_replacement_characters() {
        let mut s = Stops::new(Vec::new());
        assert_eq!(s.push(b"a\xffb\xe2\x82"), "a\u{fffd}b");
        assert_eq!(s.finish(), "\u{fffd}");
    }
}
