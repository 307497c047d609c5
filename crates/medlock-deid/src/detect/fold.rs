//! One spelling for what looks the same. Detection runs on a folded copy of the text (zero-width
//! characters dropped, dashes, quotes, spaces, full-width forms and decimal digits of any script
//! made ASCII) and its findings are mapped back, so that an identifier cannot hide behind an
//! invisible character.

use std::borrow::Cow;

/// A text, folded, and how to get back. Plain text is borrowed as it is.
pub(super) struct Folded<'a> {
    text: Cow<'a, str>,
    /// (folded offset, original offset): from here on the two differ by a constant.
    breaks: Vec<(usize, usize)>,
    original_len: usize,
}

enum Fold {
    Keep,
    Drop,
    To(char),
}

impl<'a> Folded<'a> {
    pub(super) fn new(original: &'a str) -> Self {
        let original_len = original.len();
        let plain = |c: char| c.is_ascii() || matches!(fold(c), Fold::Keep) && latin(c).is_none();
        if original.is_ascii() || original.chars().all(plain) {
            return Self { text: Cow::Borrowed(original), breaks: Vec::new(), original_len };
        }
        let mut text = String::with_capacity(original_len);
        let mut breaks = Vec::new();
        let mut changed = false;
        // Up to where it is known whether the word has Latin letters.
        let (mut word_end, mut mixed) = (0, false);
        for (at, c) in original.char_indices() {
            if std::mem::take(&mut changed) {
                breaks.push((text.len(), at));
            }
            let alike = latin(c);
            if alike.is_some() && at >= word_end {
                let word = |c: &char| c.is_alphabetic() || matches!(fold(*c), Fold::Drop);
                let after: usize = original[at..].chars().take(WORD).take_while(word).map(char::len_utf8).sum();
                let mut before = original[..at].chars().rev().take(WORD).take_while(word);
                word_end = at + after;
                mixed = before.any(|c| c.is_ascii()) || original[at..word_end].contains(|c: char| c.is_ascii());
            }
            let folded = match alike {
                _ if c.is_ascii() => Fold::Keep,
                Some(alike) if mixed => Fold::To(alike),
                _ => fold(c),
            };
            match folded {
                Fold::Keep => text.push(c),
                Fold::Drop => changed = true,
                Fold::To(to) => {
                    text.push(to);
                    changed = true;
                }
            }
        }
        Self { text: Cow::Owned(text), breaks, original_len }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The offset in the original of a character boundary of the folded text.
    pub(super) fn original(&self, folded: usize) -> usize {
        if folded >= self.text.len() {
            return self.original_len;
        }
        match self.breaks.partition_point(|(f, _)| *f <= folded).checked_sub(1) {
            None => folded,
            Some(i) => self.breaks[i].1 + (folded - self.breaks[i].0),
        }
    }
}

/// So much of a word is looked at.
const WORD: usize = 64;

/// The Latin letter that a Cyrillic or Greek one looks like. It stands for it only in a word that has
/// Latin letters too.
fn latin(c: char) -> Option<char> {
    const ALIKE: &str =
        "аaеeоoрpсcуyхxіiјjѕsһhԁdԛqԝwАAВBЕEКKМMНHОOРPСCТTУYХXІIЈJЅSοoαaνvιiρpυuΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧX";
    if !matches!(c, '\u{391}'..='\u{51d}') {
        return None;
    }
    ALIKE.chars().zip(ALIKE.chars().skip(1)).step_by(2).find(|(from, _)| *from == c).map(|(_, to)| to)
}

/// Where the decimal digits of other scripts begin.
const ZEROS: [u32; 19] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50, 0xed0, 0xf20, 0x1040,
    0x17e0, 0x1810, 0xff10,
];

fn fold(c: char) -> Fold {
    let n = c as u32;
    match n {
        0xad | 0x34f | 0x61c | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0x2066..=0x206f => {
            Fold::Drop
        }
        0xfeff | 0xfe00..=0xfe0f | 0xe0000..=0xe01ef => Fold::Drop,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => Fold::To(' '),
        0x85 | 0x2028 | 0x2029 => Fold::To('\n'),
        0x2010..=0x2015 | 0x2212 | 0xfe58 | 0xfe63 => Fold::To('-'),
        0x2018 | 0x2019 | 0x201b | 0x2bc | 0x2032 | 0xb4 => Fold::To('\''),
        0x201c..=0x201f => Fold::To('"'),
        0x1d7ce..=0x1d7ff => digit((n - 0x1d7ce) % 10),
        0xff01..=0xff5e => char::from_u32(n - 0xff01 + 0x21).map_or(Fold::Keep, Fold::To),
        _ => match ZEROS.iter().find(|z| (**z..**z + 10).contains(&n)) {
            Some(zero) => digit(n - zero),
            None => Fold::Keep,
        },
    }
}

fn digit(n: u32) -> Fold {
    char::from_digit(n, 10).map_or(Fold::Keep, Fold::To)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_borrowed() {
        for text in ["", "plain", "Zoë Müller • 中文"] {
            let f = Folded::new(text);
            assert!(matches!(f.text, Cow::Borrowed(_)));
            assert_eq!(f.original(text.len()), text.len());
        }
    }

    #[test]
    fn letters_that_look_latin_are_read_as_such_in_latin_words() {
        let text = "M\u{430}ria \u{410}nn\u{430} и Мама, \u{441}\u{0430}r";
        let f = Folded::new(text);
        assert_eq!(f.text(), "Maria Anna и Мама, car");
        assert_eq!(&text[f.original(6)..f.original(10)], "\u{410}nn\u{430}");
    }

    #[test]
    fn offsets_come_back_to_the_original() {
        let text = "a\u{200b}b\u{2013}c \u{ff11}\u{0662}z\u{feff}";
        let f = Folded::new(text);
        assert_eq!(f.text(), "ab-c 12z");
        for (i, c) in f.text().char_indices() {
            let at = f.original(i);
            assert!(text.is_char_boundary(at));
            if c.is_ascii_alphabetic() {
                assert!(text[at..].starts_with(c), "{c} at {at}");
            }
        }
        assert_eq!(f.original(f.text().len()), text.len());
    }
}
