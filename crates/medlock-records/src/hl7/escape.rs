//! Escape sequences of HL7 v2 (2.7 of the standard's chapter 2).

use super::Marks;

/// The text that a value stands for. A sequence that stands for no text (highlighting, local ones)
/// is left as it is written.
pub(super) fn decode(raw: &str, marks: &Marks) -> String {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once(marks.escape) {
        out.push_str(before);
        match after.split_once(marks.escape).and_then(|(name, left)| Some((meaning(name, marks)?, left))) {
            Some((text, left)) => {
                out.push_str(&text);
                rest = left;
            }
            None => {
                out.push(marks.escape);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn meaning(name: &str, marks: &Marks) -> Option<String> {
    let one = match name {
        "F" => marks.field,
        "S" => marks.component,
        "T" => marks.sub,
        "R" => marks.repetition,
        "E" => marks.escape,
        ".br" | ".sp" | ".ce" => '\n',
        "H" | "N" | ".fi" | ".nf" => return Some(String::new()),
        _ => {
            let hex = name.strip_prefix('X').filter(|h| !h.is_empty() && h.is_ascii() && h.len() % 2 == 0)?;
            let bytes: Option<Vec<u8>> =
                (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).ok()).collect();
            return String::from_utf8(bytes?).ok();
        }
    };
    Some(one.to_string())
}

/// Writes text so that no separator of the message is in it.
pub(super) fn encode(text: &str, marks: &Marks) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        let name = match c {
            c if c == marks.field => "F",
            c if c == marks.component => "S",
            c if c == marks.sub => "T",
            c if c == marks.repetition => "R",
            c if c == marks.escape => "E",
            '\n' | '\r' => ".br",
            '\u{b}' | '\u{1c}' => continue,
            c => {
                out.push(c);
                continue;
            }
        };
        out.push(marks.escape);
        out.push_str(name);
        out.push(marks.escape);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_go_and_come_back() {
        let marks = Marks::default();
        assert_eq!(decode(r"a\F\b\T\c\.br\d\X41\e\H\x\N\", &marks), "a|b&c\ndAex");
        assert_eq!(decode(r"C:\Users\Z1\ 5\", &marks), r"C:\Users\Z1\ 5\");
        assert_eq!(encode("a|b^c&d~e\\\r\nf", &marks), r"a\F\b\S\c\T\d\R\e\E\\.br\f");
        for text in ["", "plain", r"\\", "|^~&", "é\n"] {
            assert_eq!(decode(&encode(text, &marks), &marks), text);
        }
    }
}
