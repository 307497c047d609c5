//! What the tagger looks at: the token, its neighbours, what the lists know of them, the words that
//! announce an identifier, the field it stands in, and its place in the line.

use super::super::cue::Cues;
use super::super::lexicon::Tags;
use super::super::place;
use super::super::token::{Case, Gap, Kind, LowerCase, Tokens};
use super::weights::{BITS, Plain};

/// A stretch longer than this is cut, so that a text without line ends is work of the same kind.
const LONGEST: usize = 200;
/// So far a cue word is looked for, in words.
const NEAR: usize = 3;
const FAR: usize = 8;

/// What is known of one token. All of it is compared by value only, so hashes do.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The word in lower case.
    low: u64,
    /// Runs of capitals, small letters, digits and marks.
    shape: u64,
    /// First two and three letters, last two, three and four.
    affixes: [u64; 5],
    /// Lists and case together.
    class: u64,
    case: u64,
    cues: u64,
    /// The run of tokens without a space: exact and collapsed shape, digits, place of the token in it.
    run: u64,
    run_short: u64,
    run_digits: u64,
    run_place: u64,
    /// Part of a listed town's or institution's name of several words.
    phrase: u64,
    word: bool,
    plain: bool,
}

/// A line's end and a text's.
const EDGE: Seen = Seen {
    low: 1,
    shape: 1,
    affixes: [0; 5],
    class: 0xfff1,
    case: 15,
    cues: 0,
    run: 1,
    run_short: 1,
    run_digits: 0,
    run_place: 0,
    phrase: 0,
    word: false,
    plain: true,
};

/// Lists that a rare word may be hidden from in training, so that the tagger does not lean on them.
pub(crate) const DROPPED: Tags = Tags::A_NAME.or_tags(Tags::CITY).or_tags(Tags::CITY_PHRASE).or_tags(Tags::HOSPITAL);

/// Everything the features of a block are made of.
pub(crate) struct Evidence<'a, 't> {
    tokens: &'a Tokens<'t>,
    seen: Vec<Seen>,
    /// Words that stand somewhere in lower case, in a small sieve.
    lower: [u64; 128],
    stretches: Vec<(usize, usize)>,
}

fn mix(a: u64, b: u64) -> u64 {
    (a.rotate_left(25) ^ b).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn byte_class(b: u8) -> u8 {
    match b {
        b'a'..=b'z' => b'x',
        b'A'..=b'Z' => b'X',
        b'0'..=b'9' => b'd',
        0x80.. => b'x',
        _ => b,
    }
}

/// The shape of a stretch of text, each run of one kind cut to `most`, digits to 5; and its digits.
fn shape(bytes: &[u8], most: u32) -> (u64, u64) {
    let (mut hash, mut last, mut run, mut digits) = (7u64, 0u8, 0u32, 0u64);
    for b in bytes.iter().take(48) {
        let class = byte_class(*b);
        digits += u64::from(class == b'd');
        run = if class == last { run + 1 } else { 1 };
        last = class;
        if run <= if class == b'd' { most.max(5) } else { most } {
            hash = mix(hash, u64::from(class));
        }
    }
    (hash, digits)
}

fn collapsed(bytes: &[u8]) -> u64 {
    let (mut hash, mut last) = (13u64, 0u8);
    for b in bytes.iter().take(48) {
        let class = byte_class(*b);
        if class != last {
            hash = mix(hash, u64::from(class));
            last = class;
        }
    }
    hash
}

fn case_of(kind: Kind, case: Case) -> u64 {
    match (kind, case) {
        (Kind::Mark, _) => 0,
        (Kind::Number, _) => 1,
        (Kind::Mixed, Case::Lower) => 2,
        (Kind::Mixed, _) => 3,
        (_, Case::Lower) => 4,
        (_, Case::Init) => 5,
        (_, Case::Upper) => 6,
        (_, Case::Single) => 7,
        (_, Case::Odd) => 8,
        (_, Case::None) => 9,
    }
}

/// The lists of a word, fewer than they are: how much of a name, how ordinary, a place or not.
fn lists(tags: Tags) -> u64 {
    let name = if tags.any(Tags::TOP_FIRST.or_tags(Tags::TOP_SURNAME)) {
        2 + u64::from(tags.any(Tags::TOP_FIRST)) + 2 * u64::from(tags.any(Tags::TOP_SURNAME))
    } else {
        u64::from(tags.any(Tags::A_NAME))
    };
    let word = if tags.any(Tags::SMALL) {
        3
    } else if tags.any(Tags::MEDIUM) {
        2
    } else {
        u64::from(tags.any(Tags::HUGE))
    };
    let care = u64::from(tags.any(Tags::MEDICAL)) + 2 * u64::from(tags.any(Tags::DRUG));
    let place = u64::from(tags.any(Tags::CITY)) + 2 * u64::from(tags.any(Tags::STATE));
    name + 8 * (word + 4 * (care + 4 * place))
}

impl<'a, 't> Evidence<'a, 't> {
    /// `dropout`: a salt that hides about half of the listed names and places (training only).
    pub(crate) fn of(tokens: &'a Tokens<'t>, plain: &Plain, dropout: Option<u64>) -> Self {
        let mut seen = vec![Seen::default(); tokens.list.len()];
        let mut lower = [0u64; 128];
        let mut low = LowerCase::default();
        let text = tokens.text.as_bytes();
        let hidden = |hash: u64| dropout.is_some_and(|salt| mix(hash, salt) >> 40 & 1 == 1);
        let mut at = 0;
        while at < tokens.list.len() {
            // A run of tokens with nothing between.
            let mut end = at + 1;
            while tokens.joined(end) {
                end += 1;
            }
            let mark = |i: usize| tokens.list[i].kind == Kind::Mark;
            let (mut first, mut last) = (at, end);
            while first < last && mark(first) && !matches!(text[tokens.list[first].start as usize], b'+' | b'#' | b'@')
            {
                first += 1;
            }
            while last > first && mark(last - 1) {
                last -= 1;
            }
            let run = if first < last {
                let bytes = &text[tokens.list[first].start as usize..tokens.list[last - 1].end as usize];
                let (exact, digits) = shape(bytes, 5);
                (exact, collapsed(bytes), digits.min(15))
            } else {
                (3, 3, 0)
            };
            for (i, s) in seen.iter_mut().enumerate().take(end).skip(at) {
                let token = &tokens.list[i];
                s.case = case_of(token.kind, token.case);
                s.cues = token.cues.bits();
                s.word = token.kind != Kind::Mark;
                (s.run, s.run_short, s.run_digits) = run;
                s.run_place = if i < first || i >= last {
                    4
                } else if last - first == 1 {
                    0
                } else if i == first {
                    1
                } else if i == last - 1 {
                    3
                } else {
                    2
                };
                let bytes = &text[token.start as usize..token.end as usize];
                if token.kind == Kind::Mark {
                    s.low = mix(2, bytes.iter().fold(0, |h, b| h << 8 | u64::from(*b)));
                    s.shape = s.low;
                    s.class = mix(s.low, 5);
                    s.plain = true; // unless it stands beside something
                    (s.run, s.run_short) =
                        if (first..last).contains(&i) { (s.run, s.run_short) } else { (s.shape, s.shape) };
                    continue;
                }
                s.low = token.hash;
                if token.case == Case::Lower && token.kind == Kind::Word {
                    let h = (token.hash >> 40) as usize & 8191;
                    lower[h >> 6] |= 1 << (h & 63);
                    if end - at == 1 || last - first == 1 {
                        s.plain = plain.has(token.hash);
                    }
                }
                s.shape = shape(bytes, 2).0;
                if s.plain {
                    s.class = 0xfff0;
                    continue;
                }
                let word = low.of(tokens.str(token)).as_bytes();
                let n = word.len();
                let part =
                    |from: usize, to: usize| word[from.min(n)..to.min(n)].iter().fold(11, |h, b| mix(h, u64::from(*b)));
                s.affixes = [
                    part(0, 2),
                    part(0, 3),
                    part(n.saturating_sub(2), n),
                    part(n.saturating_sub(3), n),
                    part(n.saturating_sub(4), n),
                ];
                if token.kind == Kind::Word {
                    let tags = tokens.tags(i);
                    let tags = if hidden(token.hash) { tags.without(DROPPED) } else { tags };
                    s.class = lists(tags) << 4 | s.case;
                } else {
                    s.class = s.case;
                }
            }
            at = end;
        }
        let mut evidence = Self { tokens, seen, lower, stretches: Vec::new() };
        evidence.phrases(&hidden);
        evidence.cut();
        evidence
    }

    fn phrases(&mut self, hidden: &dyn Fn(u64) -> bool) {
        for i in 0..self.seen.len() {
            if self.seen[i].plain || !self.tokens.capital(i) {
                continue;
            }
            for (mark, tags) in [(1, Tags::CITY_PHRASE.or_tags(Tags::STATE)), (2, Tags::HOSPITAL)] {
                if let Some(last) = place::phrase(self.tokens, i, tags)
                    && !hidden(self.seen[i].low)
                {
                    for s in &mut self.seen[i..=last] {
                        s.phrase = s.phrase.max(mark);
                    }
                }
            }
        }
    }

    /// Lays out what is looked at: all but plain words and marks that stand among their like.
    fn cut(&mut self) {
        let n = self.seen.len();
        let mut start = None;
        for i in 0..n {
            let line = self.tokens.list[i].gap == Gap::Line;
            let before = i > 0 && !line && !self.seen[i - 1].plain;
            let after = i + 1 < n && self.tokens.list[i + 1].gap != Gap::Line && !self.seen[i + 1].plain;
            let looked_at = !self.seen[i].plain || before || after;
            if let Some(from) = start
                && (!looked_at || line || i - from >= LONGEST)
            {
                self.stretches.push((from, i));
                start = None;
            }
            if looked_at && start.is_none() {
                start = Some(i);
            }
        }
        self.stretches.extend(start.map(|from| (from, n)));
    }

    /// Whether a token is looked at only for what stands beside it.
    pub(crate) fn plain(&self, i: usize) -> bool {
        self.seen[i].plain
    }

    /// The stretches of tokens that are looked at.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.stretches.iter().copied()
    }
}

/// The row of a feature of this value.
fn row(id: u64, value: u64) -> u32 {
    let h = (value ^ id.wrapping_mul(0xff51_afd7_ed55_8ccd)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> (64 - BITS)) as u32
}

/// Makes features, going through a block from its start.
pub(crate) struct Features<'e, 'a, 't> {
    evidence: &'e Evidence<'a, 't>,
    line: Line,
}

/// What is known of the line that a token stands in, up to that token.
#[derive(Default)]
struct Line {
    start: usize,
    end: usize,
    upper: u64,
    /// Up to which token the fields below have been read.
    read: usize,
    field: u64,
    since: u64,
}

impl<'e, 'a, 't> Features<'e, 'a, 't> {
    pub(crate) fn new(evidence: &'e Evidence<'a, 't>) -> Self {
        Self { evidence, line: Line::default() }
    }

    /// The tokens of the line that `i` stands in, and the field name in front of it.
    fn read_line(&mut self, i: usize) {
        let (seen, list) = (&self.evidence.seen, &self.evidence.tokens.list);
        if i >= self.line.end {
            let mut start = i;
            while start > 0 && list[start].gap != Gap::Line {
                start -= 1;
            }
            let mut end = i + 1;
            while end < list.len() && list[end].gap != Gap::Line {
                end += 1;
            }
            let (mut upper, mut lower, mut initial) = (0, 0, 0);
            for s in &seen[start..end.min(start + 400)] {
                upper += usize::from(matches!(s.case, 6 | 7));
                lower += usize::from(s.case == 4);
                initial += usize::from(s.case == 5);
            }
            let upper = match (upper, lower, initial) {
                (3.., 0, 0) => 2,
                (u, l, n) if u > l + n => 1,
                (0, 5.., 0) => 3,
                _ => 0,
            };
            self.line = Line { start, end, upper, read: start, field: 0, since: 0 };
        }
        while self.line.read < i {
            let j = self.line.read;
            self.line.read += 1;
            if self.line.field != 0 {
                self.line.since += 1;
            }
            let mark = self.evidence.tokens.text.as_bytes()[list[j].start as usize];
            if seen[j].word || j == self.line.start {
                continue;
            }
            match mark {
                b':' | b'=' | b'|' => {
                    let two = j >= self.line.start + 2 && seen[j - 2].word;
                    self.line.field = mix(seen[j - 1].low, if two { seen[j - 2].low } else { 0 });
                    self.line.since = 0;
                }
                b'.' | b';' if self.line.since > 2 && list.get(j + 1).is_none_or(|t| t.gap != Gap::None) => {
                    self.line.field = 0;
                }
                _ => {}
            }
        }
    }

    /// The nearest cues among the words on one side.
    fn cue(&self, words: impl Iterator<Item = usize>, most: usize) -> (u64, u64) {
        let (mut near, mut far, mut n) = (0, 0, 0);
        for j in words {
            let s = &self.evidence.seen[j];
            if !s.word {
                continue;
            }
            n += 1;
            let cues = s.cues & Cues::TELLING.bits();
            if cues != 0 {
                if near == 0 && n <= NEAR {
                    near = cues;
                }
                if far == 0 && cues & Cues::NUMBERED.bits() != 0 {
                    far = cues & Cues::NUMBERED.bits();
                }
            }
            if n >= most || near != 0 && (far != 0 || most == NEAR) {
                break;
            }
        }
        (near, far)
    }

    /// The rows of the features that say most, of token `i`. Tokens are asked for in order.
    pub(crate) fn most(&mut self, i: usize, out: &mut Vec<u32>) {
        out.clear();
        self.read_line(i);
        let (t, [_, p1, n1, _]) = self.around(i);
        let mut f = |id: u64, value: u64| out.push(row(id, value));
        f(1, t.low);
        f(2, mix(t.low, t.case));
        f(3, t.shape);
        if t.word {
            for (k, affix) in t.affixes.iter().enumerate() {
                f(4 + k as u64, *affix);
            }
            f(9, mix(t.affixes[3], t.case));
        }
        f(10, t.class);
        f(12, p1.low);
        f(14, n1.low);
        f(21, mix(p1.low, t.class));
        f(22, mix(n1.low, t.class));
        f(29, mix(p1.class, t.class));
        f(30, mix(t.class, n1.class));
        f(51, mix(self.line.upper + 1, t.class));
        f(55, u64::from(self.lower_elsewhere(t)) << 4 | t.case);
        f(58, 0);
    }

    /// The rows of the others, after [`Features::most`].
    pub(crate) fn rest(&self, i: usize, out: &mut Vec<u32>) {
        out.clear();
        let line = &self.line;
        let (t, [p2, p1, n1, n2]) = self.around(i);
        let mut f = |id: u64, value: u64| out.push(row(id, value));
        f(13, p2.low);
        f(16, mix(p1.low, t.low));
        f(17, mix(t.low, n1.low));
        f(19, mix(p2.low, p1.low));
        f(15, n2.low);
        f(18, mix(p1.low, n1.low));
        f(20, mix(n1.low, n2.low));
        f(23, mix(mix(p2.low, p1.low), t.case));
        f(24, mix(p1.shape, t.shape));
        f(25, mix(t.shape, n1.shape));
        f(26, mix(mix(p1.shape, t.shape), n1.shape));
        f(27, p2.case << 12 | p1.case << 8 | t.case << 4 | n1.case);
        f(31, mix(mix(p1.class, t.class), n1.class));
        f(32, mix(p2.class, p1.class));
        f(33, mix(n1.class, n2.class));
        f(34, t.run);
        f(35, mix(t.run, t.run_place));
        f(36, mix(t.run_short, t.run_place));
        f(37, t.run_digits << 8 | t.run_place << 4 | t.case);
        let (left, left_far) = self.cue((line.start..i).rev().take(3 * FAR), FAR);
        let (right, _) = self.cue((i + 1..line.end).take(3 * NEAR), NEAR);
        f(38, mix(left, t.case));
        f(39, mix(left, t.run));
        f(40, mix(left_far, t.run_short));
        f(41, mix(right, t.case));
        f(42, mix(mix(right, left), t.class));
        f(43, mix(mix(p1.cues, n1.cues), t.case));
        f(44, mix(mix(t.cues, n1.cues), p1.case));
        f(45, mix(line.field, t.case));
        f(46, mix(line.field, t.run_short));
        f(47, mix(line.field, line.since.min(5) << 4 | t.case));
        let place = (i - line.start).min(4) as u64;
        let rest = (line.end - 1 - i).min(3) as u64;
        f(48, place << 8 | rest << 4 | t.case);
        f(49, mix(place, t.class));
        f(50, line.upper << 4 | t.case);
        f(52, t.phrase << 8 | p1.phrase << 4 | n1.phrase);
        f(53, mix(t.phrase, t.class));
        f(56, mix(p2.shape, mix(p1.low, t.shape)));
        f(57, mix(t.shape, mix(n1.low, n2.shape)));
    }

    /// Token `i`, the two before it and the two after. A line's end is a neighbour; beyond it stands the
    /// line before, the line after.
    fn around(&self, i: usize) -> (&Seen, [&Seen; 4]) {
        let (seen, line) = (&self.evidence.seen, &self.line);
        let before = |k: usize| -> &Seen {
            match (i - line.start, k) {
                (0, 1) | (1, 2) => &EDGE,
                (0, _) => i.checked_sub(1).map_or(&EDGE, |j| &seen[j]),
                _ => &seen[i - k],
            }
        };
        let after = |k: usize| -> &Seen {
            match (line.end - 1 - i, k) {
                (0, 1) | (1, 2) => &EDGE,
                (0, _) => seen.get(i + 1).unwrap_or(&EDGE),
                _ => &seen[i + k],
            }
        };
        (&seen[i], [before(2), before(1), after(1), after(2)])
    }

    fn lower_elsewhere(&self, t: &Seen) -> bool {
        let h = (t.low >> 40) as usize & 8191;
        self.evidence.lower[h >> 6] >> (h & 63) & 1 == 1
    }
}
