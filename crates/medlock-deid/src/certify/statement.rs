//! The statement: for people first, with the same as JSON on its last line.

use super::CONFIDENCE;
use super::canonical::{self, up};
use super::sample::{Count, LeakUnit, Sample};
use super::threshold::Threshold;
use crate::measure::Options;
use medlock_domain::PhiClass;
use serde_json::{Map, Value, json};

/// The first line. It holds spaces, so that no note of another kind (an audit log's checkpoint begins
/// with a name without) can be taken for a certificate or the other way round.
const TITLE: &str = "medlock de-identification certificate 1";

/// What was measured, by what and when: what only the caller knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The program and its version.
    pub tool: String,
    /// The detector's version.
    pub detector: String,
    /// Of what the detector decides by (rules, lists, weights): a name and a SHA-256 in hexadecimal.
    pub digests: Vec<(String, String)>,
    /// SHA-256 of the labelled file, in hexadecimal.
    pub gold: String,
    /// When, as RFC 3339 in UTC.
    pub date: String,
    /// How the sample was drawn, in the words of who drew it.
    pub sampling: Option<String>,
}

/// A statement about a sample: counts, bounds and digests, nothing of the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement(Value);

impl Statement {
    /// States what `sample`, made with `options`, shows. Control characters in the provenance become
    /// spaces, so that no line of it can be made to look like ours.
    pub fn new(sample: &Sample, options: &Options, threshold: Option<&Threshold>, from: &Provenance) -> Self {
        let clean = |text: &str| text.replace(char::is_control, " ");
        let classes = sample.classes();
        let bounds = 2 + 2 * classes.len() as u64;
        let count = |c: Count| {
            json!({
                "left": c.left, "of": c.of, "upper": up(c.upper(CONFIDENCE)),
                "upper_together": up(c.upper(1.0 - (1.0 - CONFIDENCE) / bounds as f64)),
            })
        };
        let all = |unit| count(sample.leaks(unit, 0.0));
        let by_class: Vec<Value> = classes
            .iter()
            .map(|c| json!({"class": c.class.label(), "identifiers": count(c.identifiers), "documents": count(c.documents)}))
            .collect();
        let missing = PhiClass::ALL.into_iter().filter(|class| classes.iter().all(|c| c.class != *class));
        let digests: Map<String, Value> = from.digests.iter().map(|(name, hex)| (clean(name), json!(hex))).collect();
        let documents = sample.leaks(LeakUnit::Documents, 0.0);
        let pair = |(hits, of): (u64, u64)| json!({"hits": hits, "of": of});
        Self(json!({
            "certificate": 1, "date": from.date, "tool": clean(&from.tool),
            "detector": {"version": clean(&from.detector), "sha256": digests},
            "sample": {
                "sha256": from.gold, "documents": sample.size(), "with_identifiers": documents.of,
                "drawn": from.sampling.as_deref().map(clean),
            },
            "required": {"ignored": options.ignore, "safe_harbor": options.safe_harbor},
            "confidence": CONFIDENCE, "bounds_together": bounds,
            "documents": all(LeakUnit::Documents), "identifiers": all(LeakUnit::Identifiers),
            "classes": by_class, "not_measured": missing.map(PhiClass::label).collect::<Vec<_>>(),
            "over_redacted_characters": pair(sample.over_redacted(0.0)),
            "touched_documents_without_identifiers": pair(sample.free_touched(0.0)),
            "target": threshold.map(|t| target(t, sample)),
        }))
    }

    /// Reads the statement that [`Statement::text`] wrote; `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, last) = (text.lines().next()?, text.lines().next_back()?);
        let value: Value = serde_json::from_str(last).ok()?;
        (first == TITLE && value["certificate"] == 1 && canonical::write(&value) == last).then_some(Self(value))
    }

    /// The statement as JSON.
    pub fn json(&self) -> &Value {
        &self.0
    }

    /// The statement as text of whole lines, the last of them the JSON in its one spelling (RFC 8785).
    /// To be signed as it is.
    pub fn text(&self) -> String {
        format!("{}\n{}\n", self.people(), canonical::write(&self.0))
    }

    /// The part for people.
    pub fn people(&self) -> String {
        let v = &self.0;
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let mut out = format!(
            "{TITLE}\n\nEvidence for an expert determination under 45 CFR 164.514(b)(1). It states what a detector left \
             of a labelled\nsample. Whether the risk is very small is for the expert to judge, together with what else \
             is known of the data\nand of who receives it.\n\n"
        );
        out += &format!(
            "made       {} by {}\ndetector   {}\n",
            word(&v["date"]),
            word(&v["tool"]),
            word(&v["detector"]["version"])
        );
        for (name, digest) in v["detector"]["sha256"].as_object().into_iter().flatten() {
            out += &format!("           {name} SHA-256 {}\n", word(digest));
        }
        let sample = &v["sample"];
        out +=
            &format!("sample     {} documents, {} with identifiers\n", sample["documents"], sample["with_identifiers"]);
        out += &format!("           file SHA-256 {}\n", word(&sample["sha256"]));
        out += &format!("drawn      {}\n", sample["drawn"].as_str().unwrap_or("not stated"));
        out += &format!("required   {}\n\n", required(&v["required"]));
        out += &format!(
            "Left: identifiers of which a letter or digit remains, and documents with such. Bounds: the rate does not \
             exceed\nthem, with 95% confidence each (exact binomial, one side); those under \"together\" all hold at \
             once with 95%\n(Bonferroni over {} bounds).\n\n",
            v["bounds_together"]
        );
        out += &format!("{:24} {:>8} {:>8} {:>10} {:>10} {:>10}\n", "", "left", "of", "seen", "bound", "together");
        out += &row("documents", &v["documents"]);
        out += &row("identifiers", &v["identifiers"]);
        for class in v["classes"].as_array().into_iter().flatten() {
            let name = word(&class["class"]);
            out += &row(&format!("{name} identifiers"), &class["identifiers"]);
            out += &row(&format!("{name} documents"), &class["documents"]);
        }
        let missing: Vec<&str> = v["not_measured"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !missing.is_empty() {
            out += &format!("\nNot measured, since the sample holds none: {}.\n", missing.join(", "));
        }
        let (lost, touched) = (&v["over_redacted_characters"], &v["touched_documents_without_identifiers"]);
        out += &format!(
            "\nAlso removed: {} of {} other letters and digits; something in {} of {} documents without identifiers.\n",
            lost["hits"], lost["of"], touched["hits"], touched["of"]
        );
        out += &targeted(&v["target"]);
        out + "\nThe bounds hold for text like the sample: drawn at random from what is to be released, labelled \
               completely, and\nnever used to tune the detector. Identifiers in one document are not independent; the \
               bounds on documents do not\nneed them to be.\n"
    }
}

fn target(threshold: &Threshold, sample: &Sample) -> Value {
    let step = |s: super::Step| {
        let (hits, of) = sample.over_redacted(s.threshold);
        json!({
            "threshold": s.threshold, "left": s.leaks.left, "of": s.leaks.of, "p": up(s.p),
            "over_redacted_characters": {"hits": hits, "of": of},
        })
    };
    json!({
        "rate": threshold.target.rate, "unit": threshold.target.unit.name(), "chosen": threshold.chosen.map(step),
        "refused": threshold.refused.map(step), "least_sample": threshold.least_sample(),
        "method": "learn-then-test, fixed sequence, exact binomial",
    })
}

fn required(v: &Value) -> String {
    let ignored: Vec<&str> = v["ignored"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut out =
        if ignored.is_empty() { "every label".to_owned() } else { format!("every label but {}", ignored.join(", ")) };
    if v["safe_harbor"] == true {
        out += "; not ages under 90, years, states and countries (45 CFR 164.514(b)(2)(i)(B), (C))";
    }
    out
}

fn row(name: &str, count: &Value) -> String {
    let percent = |x: f64| format!("{:.4}%", x * 100.0);
    let number = |key: &str| count[key].as_f64().unwrap_or(f64::NAN);
    format!(
        "{name:24} {:>8} {:>8} {:>10} {:>10} {:>10}\n",
        count["left"].to_string(),
        count["of"].to_string(),
        percent(number("left") / number("of")),
        percent(number("upper")),
        percent(number("upper_together"))
    )
}

fn targeted(v: &Value) -> String {
    if v.is_null() {
        return String::new();
    }
    let (rate, unit) = (v["rate"].as_f64().unwrap_or(f64::NAN) * 100.0, v["unit"].as_str().unwrap_or("-"));
    let step = |s: &Value| format!("{} of {} {unit} left, p {}", s["left"], s["of"], s["p"]);
    let (chosen, refused) = (&v["chosen"], &v["refused"]);
    let mut out = format!(
        "\nTarget: something left of at most {rate}% of the {unit}, with 95% confidence. Thresholds of confidence were \
         tested\nfrom 0 (every finding is used) upwards, in steps of 0.01, until one could not be shown to meet it \
         (Learn then Test,\narXiv:2110.01052, fixed sequence, exact binomial p-values).\n"
    );
    if chosen.is_null() {
        out += &format!(
            "NOT SHOWN for any threshold: at 0, {}. Without any left, {} {unit} would show it.\n",
            step(refused),
            v["least_sample"]
        );
        return out;
    }
    out += &format!("Shown for thresholds up to {}: {}", chosen["threshold"], step(chosen));
    let lost = &chosen["over_redacted_characters"];
    out += &format!(", {} of {} other letters and digits removed.\n", lost["hits"], lost["of"]);
    if !refused.is_null() {
        out += &format!("Not shown for {}: {}.\n", refused["threshold"], step(refused));
    }
    out
}
