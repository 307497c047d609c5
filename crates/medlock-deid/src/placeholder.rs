//! The grammar of placeholders: how they are written, and in which deformations that models make
//! they are still known.
//!
//! A placeholder in a pair of brackets is known in any case, with any usual separator or none
//! between class and number, in square, angle or curly brackets, doubled or escaped. Without a
//! whole pair it is known only as it was issued, in capitals with a hyphen or underscore: `age 1`
//! and `date 2` are also plain English.

use medlock_domain::PhiClass;

/// More digits than any request has identifiers.
const DIGITS: usize = 6;
/// Characters between class and number.
const SEPARATORS: usize = 4;
/// The longest name of a host, and of a part of it.
const HOST_LABEL: usize = 64;
const HOST_LABELS: usize = 4;

/// How the placeholder `number` of `class` is written.
pub(crate) fn render(class: PhiClass, number: u32) -> String {
    format!("[{}-{number}]", class.label())
}

/// What stands in place of something that is not to come back.
pub(crate) fn mark(class: PhiClass) -> String {
    format!("[{}]", class.label())
}

/// The text ends before it can be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct More;

/// A placeholder at the start of a text. Whether it was ever issued is another question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Bytes that it takes.
    pub(crate) len: usize,
    pub(crate) class: PhiClass,
    pub(crate) number: u32,
}

/// Whether `text` begins with a placeholder, `before` being the character ahead of it. `last` says
/// that nothing follows `text`; otherwise the answer is the same whatever follows, or [`More`].
pub(crate) fn parse(text: &str, before: Option<char>, last: bool) -> Result<Option<Seen>, More> {
    let Some(first) = text.chars().next() else { return Ok(None) };
    let start = Cursor { text, at: 0, last };
    if first == '\\' || is_opener(first) {
        bracketed(start, before)
    } else if first.is_ascii_uppercase() && stands_alone(before) {
        bare(start)
    } else {
        Ok(None)
    }
}

/// Every class and number that `text` holds in something like the shape of a placeholder: a wider
/// net than [`parse`], so that what it has caught is never issued.
pub(crate) fn resembling(text: &str) -> Vec<(PhiClass, u32)> {
    let mut out = Vec::new();
    for (at, _) in text.char_indices().filter(|(_, c)| c.is_ascii_alphabetic()) {
        let mut cursor = Cursor { text, at, last: true };
        let Ok(Some(class)) = cursor.label(false) else { continue };
        let Ok(_) = cursor.separators() else { continue };
        let digits: String = cursor.rest().chars().take_while(char::is_ascii_digit).take(DIGITS).collect();
        if let Ok(number) = digits.parse() {
            out.push((class, number));
        }
    }
    out
}

/// Whether what follows a placeholder makes it a part of a host name, as in `[NAME-1].evil.com`,
/// which a reader's software would make a link of and look up.
pub(crate) fn host_follows(text: &str, last: bool) -> Result<bool, More> {
    let mut cursor = Cursor { text, at: 0, last };
    let (mut dots, mut letters, mut bytes, mut upper) = (0, 0, 0, false);
    while let Some(c) = cursor.peek()? {
        if c == '.' {
            if dots > 0 && bytes == 0 {
                return Ok(false);
            }
            dots += 1;
            if dots > HOST_LABELS {
                return Ok(true);
            }
            (letters, bytes) = (0, 0);
        } else if c.is_alphanumeric() || matches!(c, '-' | '_' | '@' | ':' | '%' | '+' | '~') {
            if bytes == 0 {
                upper = c.is_uppercase();
            }
            letters = if c.is_alphabetic() && letters * c.len_utf8() <= bytes { letters + 1 } else { letters };
            bytes += c.len_utf8();
            // `[NAME-1].He went` lacks a space; `[NAME-1].he` and `[NAME-1].He.com` may be hosts.
            if dots > 0 && letters >= 2 && !(dots == 1 && upper) {
                return Ok(true);
            }
            if bytes > HOST_LABEL {
                return Ok(false);
            }
        } else if is_opener(c) {
            match parse(cursor.rest(), Some('.'), last)? {
                Some(_) if dots > 0 && bytes == 0 => return Ok(true),
                Some(seen) => {
                    bytes += seen.len;
                    cursor.at += seen.len;
                    if bytes > HOST_LABEL {
                        return Ok(false);
                    }
                    continue;
                }
                None => return Ok(false),
            }
        } else {
            return Ok(false);
        }
        cursor.at += c.len_utf8();
    }
    Ok(false)
}

fn is_opener(c: char) -> bool {
    matches!(c, '[' | '<' | '{' | '⟨' | '【' | '«')
}

fn is_closer(c: char) -> bool {
    matches!(c, ']' | '>' | '}' | '⟩' | '】' | '»')
}

fn stands_alone(before: Option<char>) -> bool {
    before.is_none_or(|c| {
        !c.is_alphanumeric() && !matches!(c, '_' | '-' | '.' | '/' | '\\' | '@' | '#' | '=' | '&' | '<')
    })
}

/// `[NAME-1]` and its deformations; failing that, `[NAME-1` whose end was forgotten.
fn bracketed(start: Cursor<'_>, before: Option<char>) -> Result<Option<Seen>, More> {
    let mut cursor = start;
    let escaped = cursor.take(|c| c == '\\')?.is_some();
    let Some(opener) = cursor.take(is_opener)? else { return Ok(None) };
    let single = cursor;
    // Doubled square brackets are left: the outer pair may be the caller's own.
    let doubled = opener != '[' && cursor.take(|c| c == opener)?.is_some();
    if let Some(seen) = pair(cursor, escaped, doubled)? {
        return Ok(Some(seen));
    }
    if escaped || doubled || opener != '[' || before == Some('[') {
        return Ok(None);
    }
    bare(single)
}

fn pair(mut cursor: Cursor<'_>, escaped: bool, doubled: bool) -> Result<Option<Seen>, More> {
    cursor.blanks()?;
    let Some(class) = cursor.label(false)? else { return Ok(None) };
    cursor.separators()?;
    let Some(number) = cursor.number()? else { return Ok(None) };
    cursor.blanks()?;
    if escaped && cursor.take(|c| c == '\\')?.is_none() {
        return Ok(None); // `\[NAME-1]`: the backslash is text, the next character begins it
    }
    if cursor.take(is_closer)?.is_none() || doubled && cursor.take(is_closer)?.is_none() {
        return Ok(None);
    }
    Ok(Some(Seen { len: cursor.at, class, number }))
}

/// `NAME-1` as issued, its brackets lost, or one of them.
fn bare(mut cursor: Cursor<'_>) -> Result<Option<Seen>, More> {
    let Some(class) = cursor.label(true)? else { return Ok(None) };
    if cursor.take(|c| c == '_' || is_hyphen(c))?.is_none() {
        return Ok(None);
    }
    let Some(number) = cursor.number()? else { return Ok(None) };
    let end = cursor;
    if cursor.take(|c| c == ']')?.is_some() {
        return Ok(Some(Seen { len: cursor.at, class, number }));
    }
    if cursor.take(|c| c.is_alphanumeric() || matches!(c, '_' | '/' | '=' | '&'))?.is_some() {
        return Ok(None);
    }
    // `NAME-1-2` and `ID-1.5` are something else; `NAME-1.` ends a sentence.
    if cursor.take(|c| c == '.' || is_hyphen(c))?.is_some() && cursor.take(char::is_alphanumeric)?.is_some() {
        return Ok(None);
    }
    Ok(Some(Seen { len: end.at, class, number }))
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2014}' | '\u{2212}')
}

/// A place in a text that may go on.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    last: bool,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Result<Option<char>, More> {
        match self.rest().chars().next() {
            None if !self.last => Err(More),
            c => Ok(c),
        }
    }

    fn take(&mut self, want: impl FnOnce(char) -> bool) -> Result<Option<char>, More> {
        let c = self.peek()?.filter(|c| want(*c));
        self.at += c.map_or(0, char::len_utf8);
        Ok(c)
    }

    fn blanks(&mut self) -> Result<(), More> {
        for _ in 0..2 {
            self.take(char::is_whitespace)?;
        }
        Ok(())
    }

    fn separators(&mut self) -> Result<usize, More> {
        let separates = |c: char| c.is_whitespace() || is_hyphen(c) || matches!(c, '_' | '#' | ':' | '\\');
        let mut n = 0;
        while n < SEPARATORS && self.take(separates)?.is_some() {
            n += 1;
        }
        Ok(n)
    }

    /// A class. No label begins with another, so that at most one matches.
    fn label(&mut self, exact: bool) -> Result<Option<PhiClass>, More> {
        let mut more = false;
        for class in PhiClass::ALL {
            let mut cursor = *self;
            match cursor.word(class.label(), exact) {
                Ok(true) => {
                    *self = cursor;
                    return Ok(Some(class));
                }
                Ok(false) => {}
                Err(More) => more = true,
            }
        }
        if more { Err(More) } else { Ok(None) }
    }

    fn word(&mut self, label: &str, exact: bool) -> Result<bool, More> {
        for want in label.chars() {
            let found = if want == '_' {
                let found = self.take(|c| c == '_' || c == '-' || !exact && (c == ' ' || c == '\\'))?;
                if found == Some('\\') {
                    self.take(|c| c == '_')?;
                }
                !exact || found.is_some()
            } else {
                self.take(|c| if exact { c == want } else { c.eq_ignore_ascii_case(&want) })?.is_some()
            };
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn number(&mut self) -> Result<Option<u32>, More> {
        let from = self.at;
        while self.take(|c| c.is_ascii_digit())?.is_some() {
            if self.at - from > DIGITS {
                return Ok(None);
            }
        }
        let digits = &self.text[from..self.at];
        Ok(if digits.starts_with('0') { None } else { digits.parse().ok() })
    }
}

#[cfg(test)]
mod tests;
