//! Which characters count. Rust's own predicates follow other Unicode properties than Python's, with
//! which the reference scorer was written, so the general categories are asked.

use regex_automata::meta::Regex;
use std::sync::OnceLock;

/// For each code point of `text`, whether it is a letter or a digit (general categories L and N; a
/// combining mark or an emoji is neither).
pub(crate) fn alphanumeric(text: &str) -> Vec<bool> {
    static CLASS: OnceLock<Regex> = OnceLock::new();
    let class = CLASS.get_or_init(|| class(r"[\p{L}\p{N}]+"));
    let mut runs = class.find_iter(text).map(|m| m.range()).peekable();
    let inside = |(at, _)| {
        while runs.next_if(|run| run.end <= at).is_some() {}
        runs.peek().is_some_and(|run| run.contains(&at))
    };
    text.char_indices().map(inside).collect()
}

/// Whether Python prints the character as it is, rather than as an escape.
pub(super) fn printable(c: char) -> bool {
    static CLASS: OnceLock<Regex> = OnceLock::new();
    let class = CLASS.get_or_init(|| class(r"[\p{C}\p{Z}]"));
    c == ' ' || c.is_ascii_graphic() || !class.is_match(c.encode_utf8(&mut [0; 4]) as &str)
}

/// The value of a decimal digit of any script.
pub(super) fn digit(c: char) -> Option<u32> {
    static CLASS: OnceLock<Regex> = OnceLock::new();
    if c.is_ascii() {
        return c.to_digit(10);
    }
    let class = CLASS.get_or_init(|| class(r"\p{Nd}"));
    let decimal = |c: char| class.is_match(c.encode_utf8(&mut [0; 4]) as &str);
    // Unicode keeps decimal digits in ascending runs of ten.
    let before = (1..=100).take_while(|back| char::from_u32(u32::from(c) - back).is_some_and(decimal)).count();
    decimal(c).then_some(before as u32 % 10)
}

/// `text` without the white space at its ends, as Python sees white space.
pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c))
}

fn class(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_of_any_script_count_and_nothing_else() {
        let marks = |text: &str| alphanumeric(text).iter().map(|a| if *a { 'x' } else { '.' }).collect::<String>();
        for (text, want) in [
            ("", ""),
            ("a-1 Ü", "x.x.x"),
            ("e\u{301}.", "x.."),
            ("\u{915}\u{93e}", "x."), // a vowel sign is a mark
            ("½Ⅷ²", "xxx"),
            ("Ⓐ😀_", "..."), // alphabetic for Rust, a symbol by category
            ("日本 ٣", "xx.x"),
        ] {
            assert_eq!(marks(text), want, "{text}");
        }
    }

    #[test]
    fn digits_have_their_values() {
        for (c, value) in [('7', Some(7)), ('٣', Some(3)), ('९', Some(9)), ('𝟡', Some(9)), ('½', None), ('x', None)]
        {
            assert_eq!(digit(c), value, "{c}");
        }
    }

    #[test]
    fn what_python_prints() {
        assert!(" aé日~".chars().all(printable));
        assert!(!['\n', '\u{a0}', '\u{ad}', '\u{200b}', '\u{2028}', '\u{e000}'].into_iter().any(printable));
    }
}
