//! Chooses tokens. Our own, so that what is chosen depends on the seed and the model's numbers alone.

use crate::frame::Sampling;
use crate::llama::Token;
use std::collections::HashMap;

/// What is less likely than this by e^20 is never drawn, and not computed.
const NEVER: f32 = 20.0;

/// Chooses the tokens of one answer.
pub(crate) struct Sampler {
    how: Sampling,
    /// How often each token is in the answer.
    said: HashMap<Token, u32>,
    random: SplitMix,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy)]
struct Candidate {
    token: Token,
    /// First what the model gives it, then its weight against the likeliest one's.
    weight: f32,
}

impl Sampler {
    pub(crate) fn new(how: &Sampling) -> Self {
        let random = SplitMix(how.seed);
        Self { how: how.clone(), said: HashMap::new(), random, candidates: Vec::new() }
    }

    /// The next token, of those that are `allowed`; `None` when there is none, or the model computed nonsense.
    pub(crate) fn sample(&mut self, logits: &mut [f32], allowed: impl Fn(Token) -> bool) -> Option<Token> {
        self.adjust(logits);
        let all = logits.iter().enumerate().map(|(token, logit)| Candidate { token: token as Token, weight: *logit });
        let could = all.filter(|c| !c.weight.is_nan() && c.weight > f32::NEG_INFINITY && allowed(c.token));
        let chosen = match self.how.temperature == 0.0 {
            true => could.reduce(|best, c| if c.weight > best.weight { c } else { best })?.token,
            false => {
                self.candidates.clear();
                self.candidates.extend(could);
                self.draw()?
            }
        };
        if self.how.presence_penalty != 0.0 || self.how.frequency_penalty != 0.0 {
            *self.said.entry(chosen).or_default() += 1;
        }
        Some(chosen)
    }

    fn adjust(&self, logits: &mut [f32]) {
        let mut add = |token: usize, by: f32| {
            if let Some(logit) = logits.get_mut(token) {
                *logit += by;
            }
        };
        for (token, by) in &self.how.bias {
            add(*token as usize, *by);
        }
        for (token, times) in &self.said {
            let penalty = self.how.presence_penalty + self.how.frequency_penalty * *times as f32;
            add(usize::try_from(*token).unwrap_or(usize::MAX), -penalty);
        }
    }

    /// By chance: top-k, temperature, top-p, min-p, in this order.
    fn draw(&mut self) -> Option<Token> {
        let Sampling { temperature, top_p, top_k, min_p, .. } = self.how;
        let all = &mut self.candidates;
        let likelier = |a: &Candidate, b: &Candidate| b.weight.total_cmp(&a.weight);
        if top_k > 0 && (top_k as usize) < all.len() {
            all.select_nth_unstable_by(top_k as usize - 1, likelier);
            all.truncate(top_k as usize);
        }
        let most = all.iter().map(|c| c.weight).fold(f32::NEG_INFINITY, f32::max);
        all.retain(|c| (most - c.weight) / temperature <= NEVER);
        all.iter_mut().for_each(|c| c.weight = ((c.weight - most) / temperature).exp());
        if top_p < 1.0 {
            all.sort_unstable_by(likelier);
            let enough = top_p * all.iter().map(|c| c.weight).sum::<f32>();
            let mut sum = 0.0;
            let more = |c: &&Candidate| {
                let before = sum;
                sum += c.weight;
                before < enough
            };
            let kept = all.iter().take_while(more).count();
            all.truncate(kept.max(1));
        }
        // The likeliest one's weight is 1.
        all.retain(|c| c.weight >= min_p);
        let total: f32 = all.iter().map(|c| c.weight).sum();
        let mut left = self.random.unit() * total;
        for c in all.iter() {
            left -= c.weight;
            if left < 0.0 {
                return Some(c.token);
            }
        }
        all.last().map(|c| c.token)
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): one word of state, and every seed is as good as another. Nothing secret
/// hangs on it.
struct SplitMix(u64);

impl SplitMix {
    /// From 0 to 1, without 1.
    fn unit(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 24) as f32
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// How often each of the tokens is drawn of 20,000, in thousandths.
    fn drawn(how: Sampling, logits: &[f32]) -> Vec<u32> {
        let mut times = vec![0u32; logits.len()];
        for seed in 0..20_000 {
            let mut sampler = Sampler::new(&Sampling { seed, ..how.clone() });
            times[sampler.sample(&mut logits.to_vec(), |_| true).unwrap() as usize] += 1;
        }
        times.into_iter().map(|n| (n + 10) / 20).collect()
    }

    #[track_caller]
    fn check(how: Sampling, logits: &[f32], expected: &[u32]) {
        let got = drawn(how, logits);
        assert!(got.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 15), "{got:?}, not {expected:?}");
    }

    #[test]
    fn tokens_are_drawn_as_often_as_the_model_says() {
        // e^0 : e^-1 : e^-2
        let (logits, how) = ([0.0, -1.0, -2.0], Sampling::default());
        check(how.clone(), &logits, &[665, 245, 90]);
        check(Sampling { temperature: 2.0, ..how.clone() }, &logits, &[506, 307, 186]);
        check(Sampling { top_k: 2, ..how.clone() }, &logits, &[731, 269, 0]);
        check(Sampling { top_p: 0.7, ..how.clone() }, &logits, &[731, 269, 0]);
        check(Sampling { top_p: 0.0, ..how.clone() }, &logits, &[1000, 0, 0]);
        check(Sampling { min_p: 0.3, ..how.clone() }, &logits, &[731, 269, 0]);
        check(Sampling { bias: vec![(0, -100.0), (9, 3.0)], ..how.clone() }, &logits, &[0, 731, 269]);
        check(Sampling { temperature: 0.0, ..how }, &logits, &[1000, 0, 0]);
        check(Sampling::default(), &[-1.0e9, f32::NEG_INFINITY, f32::NAN], &[1000, 0, 0]);
    }

    #[test]
    fn what_was_said_is_said_less() {
        let how = Sampling { temperature: 0.0, frequency_penalty: 0.6, presence_penalty: 0.1, ..Sampling::default() };
        let mut sampler = Sampler::new(&how);
        let said: Vec<Token> = (0..5).map(|_| sampler.sample(&mut [1.0, 0.5], |_| true).unwrap()).collect();
        assert_eq!(said, [0, 1, 0, 1, 0]);
    }

    #[test]
    fn only_what_is_allowed_is_chosen_and_of_nothing_there_is_no_choice() {
        for temperature in [0.0, 1.0] {
            let mut sampler = Sampler::new(&Sampling { temperature, ..Sampling::default() });
            assert_eq!(sampler.sample(&mut [9.0, 0.0, 8.0], |t| t == 1), Some(1));
            assert_eq!(sampler.sample(&mut [9.0, 0.0, 8.0], |_| false), None);
            assert_eq!(sampler.sample(&mut [f32::NAN; 3], |_| true), None);
        }
    }

    #[test]
    fn a_seed_says_it_all() {
        let logits: Vec<f32> = (0..1000).map(|n| (n % 17) as f32 / 5.0).collect();
        let answer = |seed| {
            let mut sampler = Sampler::new(&Sampling { seed, ..Sampling::default() });
            (0..20).map(|_| sampler.sample(&mut logits.clone(), |_| true).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(answer(7), answer(7));
        assert_ne!(answer(7), answer(8));
    }
}
