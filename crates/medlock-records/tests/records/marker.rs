use medlock_deid::Detector;
use medlock_domain::{ClassCounts, PhiClass};
use medlock_records::{Rewrite, RewriteError};

/// Puts `[CLASS]` where the detector finds something, and class-valid values into fields.
#[derive(Default)]
pub(crate) struct Marker {
    counts: ClassCounts,
    /// The patients of the documents, in order.
    pub(crate) patients: Vec<Option<String>>,
    /// Cue and text of every search.
    pub(crate) texts: Vec<(String, String)>,
    /// Fields and texts in the order in which they came.
    pub(crate) order: Vec<String>,
}

impl Rewrite for Marker {
    fn document(&mut self, patient: Option<&str>) {
        self.patients.push(patient.map(str::to_owned));
    }

    fn text(&mut self, cue: Option<&str>, text: &str) -> Result<String, RewriteError> {
        self.texts.push((cue.unwrap_or_default().to_owned(), text.to_owned()));
        self.order.push(text.to_owned());
        let lead = cue.map(|c| format!("{c}: ")).unwrap_or_default();
        let whole = format!("{lead}{text}");
        let mut out = String::new();
        let mut at = lead.len();
        for finding in Detector::shared().detect(&whole) {
            let start = finding.span.start.max(at);
            if finding.span.end <= start {
                continue;
            }
            self.counts.add(finding.class);
            out.push_str(&whole[at..start]);
            out.push_str(&format!("[{}]", finding.class));
            at = finding.span.end;
        }
        out.push_str(&whole[at..]);
        Ok(out)
    }

    fn field(&mut self, class: PhiClass, value: &str) -> Result<String, RewriteError> {
        self.counts.add(class);
        self.order.push(format!("{class} {value}"));
        if class != PhiClass::Date {
            return Ok(format!("[{class}]"));
        }
        // Another day, written in the same way; the zone stays.
        let mut day = "19010203040506000000000".chars();
        let zone = value.get(10..).and_then(|t| t.find(['+', '-'])).map_or(value.len(), |at| at + 10);
        let shifted = value[..zone].chars().map(|c| if c.is_ascii_digit() { day.next().unwrap_or('0') } else { c });
        Ok(shifted.chain(value[zone..].chars()).collect())
    }

    fn counts(&self) -> &ClassCounts {
        &self.counts
    }
}
