//! Where in a text one stands: in prose, or in something that a reader's software fetches, follows
//! or runs. It errs towards the latter: a placeholder that stays one does no harm.

/// Schemes whose addresses need no `//`.
const SCHEMES: [&str; 10] =
    ["data:", "javascript:", "vbscript:", "file:", "blob:", "mailto:", "ftp:", "ws:", "wss:", "url("];

/// Follows a text, character by character.
#[derive(Default)]
pub(super) struct Place {
    region: Region,
    line: Line,
    run: Run,
    before: Option<char>,
    /// Nothing but blanks since the last line break.
    blank: bool,
}

#[derive(Default)]
enum Region {
    #[default]
    Prose,
    /// Behind `](`: up to its closing bracket, or the end of the paragraph.
    Target { depth: u32, angle: bool, escaped: bool },
    /// Behind `[label]:`: the next word.
    Definition { begun: bool },
    /// In a tag, up to `>` outside quotes.
    Tag { name: String, named: bool, quote: Option<char>, assigned: bool },
    /// In `<script>` or `<style>`, up to its end tag.
    Raw { name: String, tail: String },
}

/// How the line began, as far as a reference definition needs it.
#[derive(Default, Clone, Copy, PartialEq)]
enum Line {
    #[default]
    Start,
    /// After the `[` of a line that begins so.
    Opened,
    Label,
    Closed,
    Other,
}

impl Place {
    /// The character before this place.
    pub(super) fn before(&self) -> Option<char> {
        self.before
    }

    /// Whether what stands here is only read.
    pub(super) fn is_prose(&self) -> bool {
        matches!(self.region, Region::Prose) && !self.run.address
    }

    /// Goes over one character.
    pub(super) fn feed(&mut self, c: char) {
        let paragraph_ends = c == '\n' && self.blank;
        let defines = self.line == Line::Closed && c == ':' && matches!(self.region, Region::Prose);
        self.region = match std::mem::take(&mut self.region) {
            Region::Prose if defines => Region::Definition { begun: false },
            region => region.feed(c, self.before, paragraph_ends),
        };
        self.line = self.line.feed(c);
        self.run.feed(c, self.before);
        self.blank = c == '\n' || self.blank && c.is_whitespace();
        self.before = Some(c);
    }
}

impl Region {
    fn feed(self, c: char, before: Option<char>, paragraph_ends: bool) -> Self {
        match self {
            Region::Prose => match (before, c) {
                (Some(']'), '(') => Region::Target { depth: 1, angle: false, escaped: false },
                (Some('<'), c) if c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?') => {
                    Region::Tag { name: c.to_ascii_lowercase().to_string(), named: false, quote: None, assigned: false }
                }
                _ => Region::Prose,
            },
            _ if paragraph_ends && !matches!(self, Region::Tag { quote: Some(_), .. } | Region::Raw { .. }) => {
                Region::Prose
            }
            Region::Target { depth, angle, escaped } => target(c, before, depth, angle, escaped),
            Region::Definition { begun } => match c {
                c if begun && c.is_whitespace() => Region::Prose,
                c => Region::Definition { begun: begun || !c.is_whitespace() },
            },
            Region::Tag { name, named, quote, assigned } => tag(c, name, named, quote, assigned),
            Region::Raw { name, tail } => raw(c, name, tail),
        }
    }
}

fn target(c: char, before: Option<char>, depth: u32, angle: bool, escaped: bool) -> Region {
    let next = |depth, angle| Region::Target { depth, angle, escaped: false };
    match c {
        _ if escaped => next(depth, angle),
        '\\' => Region::Target { depth, angle, escaped: true },
        '<' if before == Some('(') && depth == 1 => next(depth, true),
        '>' if angle => next(depth, false),
        _ if angle => next(depth, true),
        '(' => next(depth + 1, false),
        ')' if depth == 1 => Region::Prose,
        ')' => next(depth - 1, false),
        _ => next(depth, false),
    }
}

fn tag(c: char, mut name: String, named: bool, quote: Option<char>, assigned: bool) -> Region {
    let named = named || !c.is_ascii_alphabetic();
    if !named && name.len() < 8 {
        name.push(c.to_ascii_lowercase());
    }
    match (quote, c) {
        (Some(q), c) if c == q => Region::Tag { name, named, quote: None, assigned: false },
        (Some(_), _) => Region::Tag { name, named, quote, assigned: false },
        (None, '>') if name == "script" || name == "style" => Region::Raw { name, tail: String::new() },
        (None, '>') => Region::Prose,
        (None, '"' | '\'') if assigned => Region::Tag { name, named, quote: Some(c), assigned: false },
        (None, c) => Region::Tag { name, named, quote, assigned: c == '=' || assigned && c.is_whitespace() },
    }
}

fn raw(c: char, name: String, mut tail: String) -> Region {
    tail.push(c.to_ascii_lowercase());
    if tail.strip_prefix("</").is_some_and(|t| t == name) {
        // Its end tag, up to `>`.
        return Region::Tag { name: "/".into(), named: true, quote: None, assigned: false };
    }
    if !"</".starts_with(&tail) && !tail.strip_prefix("</").is_some_and(|t| name.starts_with(t)) {
        tail.clear();
        tail.extend((c == '<').then_some(c));
    }
    Region::Raw { name, tail }
}

impl Line {
    fn feed(self, c: char) -> Self {
        match (self, c) {
            (_, '\n') => Line::Start,
            (Line::Start, '[') => Line::Opened,
            // What quotes and lists put before a line.
            (Line::Start, ' ' | '\t' | '>' | '-' | '*' | '+' | '.' | ')' | '0'..='9') => Line::Start,
            // A footnote is prose.
            (Line::Opened, '^') => Line::Other,
            (Line::Opened | Line::Label, ']') => Line::Closed,
            (Line::Opened | Line::Label, _) => Line::Label,
            _ => Line::Other,
        }
    }
}

/// The run since the last blank: whether it is, or may be, an address. Only ASCII blanks end one:
/// the common readers of Markdown go on through all others.
#[derive(Default)]
struct Run {
    address: bool,
    /// The last few characters, in lower case.
    tail: String,
    /// Letters since a dot behind a letter or digit.
    after_dot: Option<u32>,
    /// Groups of digits with dots between, so far.
    groups: u32,
}

impl Run {
    fn feed(&mut self, c: char, before: Option<char>) {
        if c.is_ascii_whitespace() || matches!(c, '<' | '>') {
            *self = Run::default();
            return;
        }
        self.tail.extend(c.to_lowercase());
        while self.tail.len() > 16 {
            self.tail.remove(0);
        }
        let joined = before.is_some_and(char::is_alphanumeric);
        self.groups = match c {
            '.' if before.is_some_and(|b| b.is_ascii_digit()) => self.groups + 1,
            c if c.is_ascii_digit() => self.groups,
            _ => 0,
        };
        self.after_dot = match (self.after_dot, c) {
            (_, '.') if joined => Some(0),
            (Some(n), c) if c.is_alphabetic() => Some(n + 1),
            _ => None,
        };
        self.address |= self.tail.ends_with("://")
            || self.tail.ends_with("www.")
            || SCHEMES.iter().any(|s| self.tail.strip_suffix(s).is_some_and(|t| !t.ends_with(char::is_alphanumeric)))
            || self.after_dot.is_some_and(|n| n > 1)
            || self.groups > 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` with `^` where prose is and `~` where it is not, at each `¦`.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut place = Place::default();
        let mut got = String::new();
        for c in text.chars() {
            if c == '¦' {
                got.push(if place.is_prose() { '^' } else { '~' });
            } else {
                place.feed(c);
            }
        }
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn prose() {
        check("¦ said: ¦, (¦) [¦] \"¦\" **¦** | ¦ | `¦`\n- ¦\n```\n¦\n```", "^^^^^^^^^^");
        check("BP <120 and <¦, 3 < 4 ¦, e.g.,¦ p.m.¦ 1.5 mg¦ 01.02.2020¦", "^^^^^^");
        check("see [the note]: ¦ [^1]: ¦\n[^1]: ¦", "^^^");
        check("<b>¦</b> ¦ <br/>¦", "^^^");
    }

    #[test]
    fn addresses() {
        check("https://x/¦ ¦ HTTP://x?q=¦", "~^~");
        check("www.x/¦ evil.com/¦ evil.com¦ x.EVIL.com?¦ //1.2.3.4/¦ data:text,¦ javascript:f(¦", "~~~~~~~");
        check("https://x/\u{a0}¦ https://x/é¦\n¦", "~~^");
        check("<https://x/¦>¦", "~^");
    }

    #[test]
    fn link_targets() {
        check("![a](¦) ¦", "~^");
        check("[a](x(¦)¦)¦ [a](<x)¦>)¦ [a](x\\)¦)¦", "~~^~^~^");
        check("[a](x \"¦\n¦\n\n¦", "~~^");
        check("[x]: ¦y ¦\n> 1. [x]:¦y\n[x]:\n /y?¦ ¦", "~^~~^");
    }

    #[test]
    fn tags() {
        check("<img alt='¦>¦' src=\"¦\">¦", "~~~^");
        check("<a title= \"¦\n\n¦\" ¦>¦<!-- ¦ -->¦", "~~~^~^");
        check("<script>¦</b>¦<</script >¦ <STYLE a>b{¦}</Style>¦", "~~^~^");
        check("if x <y ¦\n\n¦", "~^");
    }
}
