//! How sure a margin is: a logistic curve through what held-out documents show (Platt 1999).

use medlock_deid::train::{Packed, tag};
use serde_json::{Value, json};

use crate::document::Document;

/// Fits the curve by Newton's method on held-out documents.
pub(crate) fn calibrate(packed: Packed, held_out: &[Document]) -> Packed {
    let texts: Vec<&str> = held_out.iter().map(|d| d.text.as_str()).collect();
    let (mut packed, found) = packed.tagged(&texts, 0.0);
    let mut points: Vec<(f64, bool)> = Vec::new();
    let (mut gold, mut missed) = (0usize, 0usize);
    for (d, spans) in held_out.iter().zip(&found) {
        for (start, end, kind, margin) in spans {
            let hit = d.spans.iter().find(|s| s.0 < *end && *start < s.1);
            match hit {
                Some((.., None)) => {}
                Some((.., Some(class))) => points.push((f64::from(*margin), tag(*class) == *kind)),
                None => points.push((f64::from(*margin), false)),
            }
        }
        for (start, end, label) in &d.spans {
            if label.is_some() {
                gold += 1;
                missed += usize::from(!spans.iter().any(|s| s.0 < *end && *start < s.1));
            }
        }
    }
    for right in [true, false] {
        let mut m: Vec<f64> = points.iter().filter(|p| p.1 == right).map(|p| p.0).collect();
        m.sort_by(f64::total_cmp);
        if let Some(most) = m.len().checked_sub(1) {
            let at = |q: usize| m[most * q / 100];
            eprintln!(
                "margins where {right}: 1% {:.1}, 10% {:.1}, 50% {:.1}, 90% {:.1}",
                at(1),
                at(10),
                at(50),
                at(90)
            );
        }
    }
    // Gradient descent: there are few mistakes, and Newton's steps would overshoot.
    let (mut a, mut b) = (0.1, 0.0);
    let n = points.len().max(1) as f64;
    for _ in 0..20_000 {
        let (mut ga, mut gb) = (0.0, 0.0);
        for (x, y) in &points {
            let x = x.clamp(-20.0, 20.0);
            let e = f64::from(u8::from(*y)) - 1.0 / (1.0 + (-(a * x + b)).exp());
            ga += e * x;
            gb += e;
        }
        a += 0.05 * ga / n;
        b += 0.2 * gb / n;
    }
    let right = points.iter().filter(|p| p.1).count();
    eprintln!(
        "held out: {} found, {right} right; {missed} of {gold} missed; confidence = 1/(1+exp(-({a:.3} margin + {b:.3})))",
        points.len()
    );
    packed.calibrate(a as f32, b as f32);
    packed
}

/// A document as a line of JSON, offsets in code points.
pub(crate) fn json(n: usize, d: &Document) -> Value {
    let points = |byte: usize| d.text[..byte].chars().count();
    let spans: Vec<Value> = d
        .spans
        .iter()
        .map(|(s, e, l)| json!({"start": points(*s), "end": points(*e), "label": l.map_or("OTHER", |c| c.label())}))
        .collect();
    json!({"id": format!("made-{n}"), "text": d.text, "spans": spans})
}
