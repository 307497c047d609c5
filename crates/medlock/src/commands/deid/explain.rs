//! `medlock deid explain`.

use super::{name, read};
use crate::cli::Explain;
use crate::commands::Context;
use crate::detector;
use crate::failure::{Doing, Failure};
use medlock_deid::Explained;
use medlock_domain::PhiClass;
use serde_json::{Value, json};
use std::path::Path;

pub(crate) fn run(args: &Explain, context: &Context) -> Result<(), Failure> {
    let terminal = context.terminal;
    let text = text(args)?;
    let detector = detector::configured(&context.whereabouts, None)?;
    let findings = detector.try_explain(&text).doing("searching the text")?;
    let found = Found { text: &text, findings, show: args.show_values };
    if terminal.json {
        terminal.json(json!({
            "detector": detector.version(), "characters": text.chars().count(), "findings": found.json(),
        }));
    } else if found.findings.is_empty() {
        terminal.note("nothing was found");
    } else {
        terminal.table(&["line", "from", "to", "class", "confidence", "because", "value"], &found.rows());
    }
    Ok(())
}

fn text(args: &Explain) -> Result<String, Failure> {
    if let Some(text) = &args.text {
        return Ok(text.clone());
    }
    let path = args.input.as_deref().unwrap_or(Path::new("-"));
    String::from_utf8(read(path)?).map_err(|e| {
        Failure::error(format!("{} is not UTF-8 from byte {} on", name(path), e.utf8_error().valid_up_to()))
    })
}

struct Found<'a> {
    text: &'a str,
    findings: Vec<Explained>,
    show: bool,
}

/// A finding as people and other programs look for it.
struct Place {
    class: PhiClass,
    confidence: f32,
    /// The rules that said so, each with the class it said and how sure it was.
    because: Vec<(&'static str, PhiClass, f32)>,
    line: usize,
    /// Code points.
    start: usize,
    end: usize,
    value: String,
}

impl Found<'_> {
    fn places(&self) -> Vec<Place> {
        // Findings are sorted and do not overlap.
        let (mut byte, mut points, mut line) = (0, 0, 1);
        let mut to = |end: usize| {
            let passed = &self.text[byte..end];
            byte = end;
            points += passed.chars().count();
            line += passed.matches('\n').count();
            (points, line)
        };
        let place = |explained: &Explained| {
            let (span, class, confidence) =
                (explained.finding.span, explained.finding.class, explained.finding.confidence);
            let mut because = explained.because.clone();
            if because.is_empty() {
                because.push((explained.finding.detector, class, confidence));
            }
            let (start, line) = to(span.start);
            let (end, _) = to(span.end);
            let value = &self.text[span.start..span.end];
            Place {
                class,
                confidence,
                because,
                line,
                start,
                end,
                value: if self.show { value.to_owned() } else { masked(value) },
            }
        };
        self.findings.iter().map(place).collect()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |p: Place| {
            vec![
                p.line.to_string(),
                p.start.to_string(),
                p.end.to_string(),
                p.class.to_string(),
                format!("{:.3}", p.confidence),
                said(p.class, &p.because),
                // What stands in a text must not steer the terminal.
                p.value.replace(char::is_control, " "),
            ]
        };
        self.places().into_iter().map(row).collect()
    }

    fn json(&self) -> Vec<Value> {
        let one = |p: Place| {
            let mut detectors: Vec<&str> = Vec::new();
            for (rule, class, _) in &p.because {
                if *class == p.class && !detectors.contains(rule) {
                    detectors.push(rule);
                }
            }
            let because: Vec<Value> = p
                .because
                .iter()
                .map(|(rule, class, sure)| json!({"detector": rule, "class": class.label(), "confidence": sure}))
                .collect();
            let mut value = json!({
                "start": p.start, "end": p.end, "line": p.line, "class": p.class.label(),
                "confidence": p.confidence, "detectors": detectors, "because": because,
            });
            value[if self.show { "value" } else { "masked" }] = p.value.into();
            value
        };
        self.places().into_iter().map(one).collect()
    }
}

/// The rules, the surest first; one that took it for something else says for what.
fn said(class: PhiClass, because: &[(&'static str, PhiClass, f32)]) -> String {
    let mut words: Vec<String> = Vec::new();
    for (rule, as_class, sure) in because {
        let what = if *as_class == class { String::new() } else { format!(" as {as_class}") };
        words.push(format!("{rule}{what} {sure:.2}"));
    }
    words.join(", ")
}

/// The value's shape: which of its characters are capitals, other letters and digits.
fn masked(value: &str) -> String {
    let mask = |c: char| match c {
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c if c.is_numeric() => '9',
        c => c,
    };
    value.chars().map(mask).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use medlock_deid::Detector;

    #[test]
    fn shapes_and_places() {
        assert_eq!(masked("Ann O'Hara-Šmíd, 12/3"), "Xxx X'Xxxx-Xxxx, 99/9");
        let text = "née:\nphone 212-555-0143";
        let found = Found { text, findings: Detector::shared().explain(text), show: false };
        let json = found.json();
        let phone = json.iter().find(|f| f["class"] == "PHONE").expect("it is there");
        assert_eq!((&phone["start"], &phone["end"], &phone["line"]), (&json!(11), &json!(23), &json!(2)));
        assert_eq!((&phone["masked"], phone.get("value")), (&json!("999-999-9999"), None));
    }
}
