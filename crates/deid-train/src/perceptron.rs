//! The averaged structured perceptron (Collins 2002), with a margin that costs more for what is missed
//! than for what is taken wrongly. Whole numbers only, so that it comes out the same everywhere.

use medlock_deid::train::{Decoder, ROWS, Scores, Stretch, TAGS};

/// A tag that either way is right.
pub(crate) const EITHER: i8 = -1;

/// By how much a wrong path has to lose, in weight units: a missed identifier, a wrong one, a wrong kind.
const MISSED: i32 = 90;
const WRONG: i32 = 30;

pub(crate) struct Perceptron {
    weights: Vec<i32>,
    /// Each change times the step it came at, for the average.
    late: Vec<i64>,
    transitions: [i32; TAGS * TAGS],
    late_transitions: [i64; TAGS * TAGS],
    step: i64,
    decoder: Decoder,
    pub(crate) errors: usize,
}

impl Perceptron {
    pub(crate) fn new() -> Self {
        Self {
            weights: vec![0; ROWS * TAGS],
            late: vec![0; ROWS * TAGS],
            transitions: [0; TAGS * TAGS],
            late_transitions: [0; TAGS * TAGS],
            step: 1,
            decoder: Decoder::default(),
            errors: 0,
        }
    }

    /// Learns one stretch: `gold` has a tag for each token.
    pub(crate) fn learn(&mut self, stretch: &Stretch, gold: &[i8]) {
        self.step += 1;
        let mut scores: Vec<Scores> = stretch.rows.iter().map(|rows| self.sum(rows)).collect();
        for (s, g) in scores.iter_mut().zip(gold) {
            for (tag, score) in s.iter_mut().enumerate().take(TAGS) {
                *score += cost(*g, tag);
            }
        }
        let found = self.decoder.decode(&scores, &self.transitions).to_vec();
        let gold = self.complete(&mut scores, gold);
        if found == gold {
            return;
        }
        for i in 0..gold.len() {
            let (f, g) = (found[i] as usize, gold[i] as usize);
            if f != g {
                self.errors += 1;
                for row in &stretch.rows[i] {
                    let at = *row as usize * TAGS;
                    self.weights[at + g] += 1;
                    self.late[at + g] += self.step;
                    self.weights[at + f] -= 1;
                    self.late[at + f] -= self.step;
                }
            }
            let before = |path: &[u8]| if i == 0 { 0 } else { path[i - 1] as usize };
            let (pf, pg) = (before(&found) * TAGS + f, before(&gold) * TAGS + g);
            if pf != pg {
                self.transitions[pg] += 1;
                self.late_transitions[pg] += self.step;
                self.transitions[pf] -= 1;
                self.late_transitions[pf] -= self.step;
            }
        }
    }

    fn sum(&self, rows: &[u32]) -> Scores {
        let mut sum = Scores::default();
        for row in rows {
            let at = *row as usize * TAGS;
            for (s, w) in sum.iter_mut().zip(&self.weights[at..at + TAGS]) {
                *s += w;
            }
        }
        sum
    }

    /// The gold path; where either way is right, as the model has it.
    fn complete(&mut self, scores: &mut [Scores], gold: &[i8]) -> Vec<u8> {
        let mut path: Vec<u8> = if gold.contains(&EITHER) {
            for (s, g) in scores.iter_mut().zip(gold) {
                for (tag, score) in s.iter_mut().enumerate().take(TAGS) {
                    if *g >= 0 && *g as usize != tag {
                        *score -= 1 << 20;
                    }
                }
            }
            self.decoder.decode(scores, &self.transitions).to_vec()
        } else {
            gold.iter().map(|g| *g as u8).collect()
        };
        // A stretch may begin in the middle of an identifier.
        let mut before = 0u8;
        for tag in &mut path {
            if *tag > 0 && *tag % 2 == 0 && before != *tag && before + 1 != *tag {
                *tag -= 1;
            }
            before = *tag;
        }
        path
    }

    /// The average of the weights over all steps.
    pub(crate) fn average(&self) -> (Vec<f32>, Vec<f32>) {
        let mean = |w: i64, late: i64| (w as f64 - late as f64 / self.step as f64) as f32;
        let weights = self.weights.iter().zip(&self.late).map(|(w, l)| mean(i64::from(*w), *l)).collect();
        let transitions =
            self.transitions.iter().zip(&self.late_transitions).map(|(w, l)| mean(i64::from(*w), *l)).collect();
        (weights, transitions)
    }
}

fn cost(gold: i8, tag: usize) -> i32 {
    match (gold, tag) {
        (EITHER, _) => 0,
        (g, t) if g as usize == t => 0,
        (_, 0) => MISSED,
        _ => WRONG,
    }
}
