//! The parts of an address.

/// A part of a location, and the text between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment<'t> {
    /// House and street, unit, post office box, room, anything with a figure that is no ZIP code.
    Street(&'t str),
    /// A building or an organisation by its kind.
    Facility(&'t str),
    /// A place by its name only.
    City(&'t str),
    /// A state of the United States, its abbreviation, the District, a territory.
    State(&'t str),
    /// Five digits, or nine.
    Zip(&'t str),
    /// Commas, line breaks, blanks.
    Gap(&'t str),
}

const STATES: [(&str, &str); 56] = [
    ("alabama", "AL"),
    ("alaska", "AK"),
    ("arizona", "AZ"),
    ("arkansas", "AR"),
    ("california", "CA"),
    ("colorado", "CO"),
    ("connecticut", "CT"),
    ("delaware", "DE"),
    ("district of columbia", "DC"),
    ("florida", "FL"),
    ("georgia", "GA"),
    ("hawaii", "HI"),
    ("idaho", "ID"),
    ("illinois", "IL"),
    ("indiana", "IN"),
    ("iowa", "IA"),
    ("kansas", "KS"),
    ("kentucky", "KY"),
    ("louisiana", "LA"),
    ("maine", "ME"),
    ("maryland", "MD"),
    ("massachusetts", "MA"),
    ("michigan", "MI"),
    ("minnesota", "MN"),
    ("mississippi", "MS"),
    ("missouri", "MO"),
    ("montana", "MT"),
    ("nebraska", "NE"),
    ("nevada", "NV"),
    ("new hampshire", "NH"),
    ("new jersey", "NJ"),
    ("new mexico", "NM"),
    ("new york", "NY"),
    ("north carolina", "NC"),
    ("north dakota", "ND"),
    ("ohio", "OH"),
    ("oklahoma", "OK"),
    ("oregon", "OR"),
    ("pennsylvania", "PA"),
    ("rhode island", "RI"),
    ("south carolina", "SC"),
    ("south dakota", "SD"),
    ("tennessee", "TN"),
    ("texas", "TX"),
    ("utah", "UT"),
    ("vermont", "VT"),
    ("virginia", "VA"),
    ("washington", "WA"),
    ("west virginia", "WV"),
    ("wisconsin", "WI"),
    ("wyoming", "WY"),
    ("puerto rico", "PR"),
    ("guam", "GU"),
    ("american samoa", "AS"),
    ("virgin islands", "VI"),
    ("northern mariana islands", "MP"),
];

/// Words that end the name of a street.
pub(super) const STREETS: [&str; 49] = [
    "street",
    "st",
    "avenue",
    "ave",
    "av",
    "boulevard",
    "blvd",
    "road",
    "rd",
    "drive",
    "dr",
    "lane",
    "ln",
    "court",
    "ct",
    "circle",
    "cir",
    "place",
    "pl",
    "terrace",
    "ter",
    "way",
    "parkway",
    "pkwy",
    "highway",
    "hwy",
    "square",
    "sq",
    "trail",
    "trl",
    "loop",
    "row",
    "alley",
    "crescent",
    "close",
    "walk",
    "turnpike",
    "pike",
    "route",
    "broadway",
    "plaza",
    "mews",
    "expressway",
    "freeway",
    "crossing",
    "run",
    "path",
    "bend",
    "calle",
];

/// Words that say what kind of a house it is.
pub(super) const FACILITIES: [&str; 56] = [
    "hospital",
    "hospitals",
    "clinic",
    "clinics",
    "center",
    "centre",
    "centers",
    "medical",
    "health",
    "healthcare",
    "infirmary",
    "hospice",
    "pharmacy",
    "university",
    "college",
    "school",
    "academy",
    "institute",
    "institution",
    "church",
    "temple",
    "mosque",
    "synagogue",
    "county",
    "parish",
    "borough",
    "township",
    "department",
    "ward",
    "unit",
    "floor",
    "wing",
    "home",
    "house",
    "residence",
    "apartments",
    "manor",
    "village",
    "nursing",
    "rehabilitation",
    "rehab",
    "care",
    "facility",
    "associates",
    "group",
    "practice",
    "system",
    "corporation",
    "company",
    "inc",
    "llc",
    "general",
    "memorial",
    "regional",
    "elementary",
    "library",
];

/// Words before the number of a unit or a box.
const UNITS: [&str; 14] =
    ["apt", "apartment", "unit", "suite", "ste", "room", "rm", "floor", "fl", "bldg", "building", "box", "lot", "bed"];

/// The parts of `value` in order; together they are all of it.
pub(super) fn segments(value: &str) -> Vec<Segment<'_>> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < value.len() {
        let rest = &value[at..];
        let end = rest.find([',', ';', '\n', '\r', '\t', '|']).unwrap_or(rest.len());
        line(&rest[..end], &mut out);
        let gap =
            rest[end..].find(|c: char| !matches!(c, ',' | ';' | '\n' | '\r' | '\t' | '|')).unwrap_or(rest.len() - end);
        if gap > 0 {
            out.push(Segment::Gap(&rest[end..end + gap]));
        }
        at += end + gap;
    }
    out
}

fn gap<'t>(text: &'t str, out: &mut Vec<Segment<'t>>) {
    if !text.is_empty() {
        out.push(Segment::Gap(text));
    }
}

/// What stands between two commas: `1420 Oakwood Avenue`, `IL 62704`, `Springfield IL 62704`.
fn line<'t>(text: &'t str, out: &mut Vec<Segment<'t>>) {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return gap(text, out);
    }
    let start = text.len() - text.trim_start().len();
    gap(&text[..start], out);
    let mut body = trimmed;
    let last =
        |t: &'t str| t.rfind(char::is_whitespace).map_or(0, |i| i + t[i..].chars().next().map_or(1, char::len_utf8));
    let mut tail: Vec<Segment<'t>> = Vec::new();
    let cut = last(body);
    let zip = is_zip(&body[cut..]);
    if zip {
        tail.push(Segment::Zip(&body[cut..]));
        take(&mut body, cut, &mut tail);
    }
    if let Some(from) = state_from(body, zip) {
        tail.push(Segment::State(&body[from..]));
        take(&mut body, from, &mut tail);
    }
    if !body.is_empty() {
        out.push(kind(body));
    }
    out.extend(tail.into_iter().rev());
    gap(&text[start + trimmed.len()..], out);
}

/// What lies before `from`, with the blanks between as a gap.
fn take<'t>(body: &mut &'t str, from: usize, tail: &mut Vec<Segment<'t>>) {
    let head = body[..from].trim_end();
    if head.len() < from {
        tail.push(Segment::Gap(&body[head.len()..from]));
    }
    *body = head;
}

/// Where a state begins that ends the text. After something else an abbreviation needs its capitals,
/// and a name a text without figures: `12 Georgia` is a house.
fn state_from(body: &str, before_zip: bool) -> Option<usize> {
    let lower = body.to_ascii_lowercase();
    for (name, short) in STATES {
        if lower == name || body == short || before_zip && lower == short.to_ascii_lowercase() {
            return Some(0);
        }
        let ends = |word: &str, text: &str| text.strip_suffix(word).is_some_and(|h| h.ends_with(char::is_whitespace));
        if ends(short, body) {
            return Some(body.len() - short.len());
        }
        let street = || kind(body[..body.len() - name.len()].trim_end());
        if ends(name, &lower)
            && !body.bytes().any(|b| b.is_ascii_digit())
            && !lower.ends_with("west virginia")
            && matches!(street(), Segment::City(_))
            || ends(name, &lower) && name == "west virginia"
            || ends(name, &lower) && before_zip && !lower.ends_with("west virginia")
        {
            return Some(body.len() - name.len());
        }
    }
    None
}

/// `62704`, `62704-1123`.
pub(super) fn is_zip(text: &str) -> bool {
    let b = text.as_bytes();
    let digits = |b: &[u8]| b.iter().all(u8::is_ascii_digit);
    match b.len() {
        5 => digits(b),
        10 => digits(&b[..5]) && b[5] == b'-' && digits(&b[6..]),
        9 => digits(b),
        _ => false,
    }
}

pub(super) fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’').filter(|w| !w.is_empty())
}

fn kind(text: &str) -> Segment<'_> {
    let lower = text.to_lowercase();
    let has = |list: &[&str]| words(&lower).any(|w| list.contains(&w));
    let figures = text.chars().any(char::is_numeric);
    let street = words(&lower).next_back().is_some_and(|w| STREETS.contains(&w)) && words(&lower).count() > 1;
    if figures || street || has(&UNITS) {
        Segment::Street(text)
    } else if has(&FACILITIES) {
        Segment::Facility(text)
    } else {
        Segment::City(text)
    }
}
