//! Which gold spans need not be found.

use super::corpus::Label;
use super::score::Options;
use super::unicode::{digit, strip};

const STATES: &str = "|alabama|alaska|arizona|arkansas|california|colorado|connecticut|delaware|florida|georgia|hawaii|idaho|\
     illinois|indiana|iowa|kansas|kentucky|louisiana|maine|maryland|massachusetts|michigan|minnesota|mississippi|\
     missouri|montana|nebraska|nevada|ohio|oklahoma|oregon|pennsylvania|tennessee|texas|utah|vermont|virginia|\
     washington|wisconsin|wyoming|new york|new jersey|new mexico|new hampshire|north carolina|south carolina|\
     north dakota|south dakota|rhode island|west virginia|usa|us|u.s.|united states|españa|spain|";
const ABBREVIATIONS: &str = "|al|ak|az|ar|ca|co|ct|de|fl|ga|hi|id|il|in|ia|ks|ky|la|me|md|ma|mi|mn|ms|mo|mt|ne|nv|nh|nj|nm|ny|nc|nd|\
     oh|ok|or|pa|ri|sc|sd|tn|tx|ut|vt|va|wa|wv|wi|wy|";

/// Decides it for one set of options.
pub(crate) struct Excuse<'a>(pub(crate) &'a Options);

impl Excuse<'_> {
    /// Whether a span with this label over this text is neither required nor penalised.
    pub(crate) fn covers(&self, span: &Label, text: &str) -> bool {
        self.0.ignore.contains(&span.label) || self.0.safe_harbor && allowed(&span.label, text)
    }
}

/// What Safe Harbor lets stand: states and countries (45 CFR 164.514(b)(2)(i)(B)), years and ages
/// under 90 (C).
fn allowed(label: &str, text: &str) -> bool {
    let text = strip(text).to_lowercase();
    match label {
        "AGE" => !numbers(&text).any(|n| n >= 90),
        "DATE" => {
            let digits: Vec<Option<u32>> = text.chars().map(digit).collect();
            let century = text.starts_with("19") || text.starts_with("20");
            century && digits.len() == 4 && digits.iter().all(Option::is_some)
        }
        "LOCATION" => {
            let listed = |list: &str| !text.contains('|') && list.contains(&format!("|{text}|"));
            listed(STATES) || listed(ABBREVIATIONS)
        }
        _ => false,
    }
}

/// The runs of digits, as numbers; more digits than fit are a very large one.
fn numbers(text: &str) -> impl Iterator<Item = u64> {
    let runs = text.split(|c| digit(c).is_none()).filter(|run| !run.is_empty());
    runs.map(|run| run.chars().filter_map(digit).fold(0_u64, |n, d| n.saturating_mul(10).saturating_add(d.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn safe_harbor_lets_stand_what_it_names() {
        for (label, text) in [
            ("AGE", "62-year-old"),
            ("AGE", "sixty"),
            ("AGE", "89"),
            ("DATE", " 2021"),
            ("DATE", "1999\n"),
            ("LOCATION", "TX"),
            ("LOCATION", "New York "),
            ("LOCATION", "España"),
            ("LOCATION", "Spain"),
        ] {
            assert!(allowed(label, text), "{label} {text}");
        }
        for (label, text) in [
            ("AGE", "90"),
            ("AGE", "89 to 93"),
            ("AGE", "٩٥"),
            ("AGE", "99999999999999999999999"),
            ("DATE", "2121"),
            ("DATE", "May 2021"),
            ("DATE", "20211"),
            ("LOCATION", "Austin"),
            ("LOCATION", "l"),
            ("LOCATION", "a "),
            ("NAME", "Georgia"),
            ("LOCATION", ""),
            ("LOCATION", "al|ak"),
        ] {
            assert!(!allowed(label, text), "{label} {text}");
        }
    }
}
