//! The learned weights, and how they lie in the program.

use super::decode::Transitions;
use super::{Scores, TAGS};

/// The packed weights.
pub(crate) const BYTES: &[u8] = include_bytes!("../../data/tagger.bin");

/// Features are hashed into so many rows, as a power of two.
pub(crate) const BITS: u32 = 18;
/// Weights of a row: one a tag and one to spare, so that a row is one load of 16 bytes.
pub(crate) const LANES: usize = 16;
const ROWS: usize = 1 << BITS;
const MAGIC: &[u8; 8] = b"mltagr01";

/// A linear model over hashed features.
pub(crate) struct Weights {
    /// `ROWS` rows.
    rows: Vec<[i8; LANES]>,
    pub(crate) transitions: Transitions,
    /// Weight units in one unit of score.
    pub(crate) scale: f32,
    /// From margin to confidence: a logistic curve.
    pub(crate) curve: (f32, f32),
    /// Words that are never looked at when they are written in lower case.
    pub(crate) plain: Plain,
}

impl Weights {
    #[cfg(any(test, feature = "train"))]
    /// From full-precision weights: `[row * TAGS + tag]`, transitions as [`Transitions`].
    pub(crate) fn quantised(weights: &[f32], transitions: &[f32], plain: Vec<u64>) -> Self {
        // The largest weights may be cut: what matters is the many in the middle.
        let mut sizes: Vec<f32> = weights.iter().map(|w| w.abs()).filter(|w| *w > 0.0).collect();
        sizes.sort_by(f32::total_cmp);
        let top = sizes.get(sizes.len() * 9995 / 10_000).copied().unwrap_or(1.0);
        let scale = 127.0 / top;
        let mut rows = vec![[0i8; LANES]; ROWS];
        for (row, from) in rows.iter_mut().zip(weights.chunks_exact(TAGS)) {
            for (to, w) in row.iter_mut().zip(from) {
                *to = (w * scale).round().clamp(-127.0, 127.0) as i8;
            }
        }
        let mut fixed = [0; TAGS * TAGS];
        for (to, w) in fixed.iter_mut().zip(transitions) {
            *to = (w * scale).round() as i32;
        }
        Self { rows, transitions: fixed, scale, curve: (1.0, 0.0), plain: Plain::new(plain) }
    }

    /// Adds the weights of features to the scores of a token.
    #[inline]
    pub(crate) fn add(&self, features: &[u32], scores: &mut Scores) {
        let mut sum = [0i16; LANES];
        for f in features {
            let row = &self.rows[*f as usize & (ROWS - 1)];
            for (s, w) in sum.iter_mut().zip(row) {
                *s += i16::from(*w);
            }
        }
        for (score, s) in scores.iter_mut().zip(sum) {
            *score += i32::from(s);
        }
    }

    /// How sure a margin is, from 0 to 1.
    pub(crate) fn confidence(&self, margin: f32) -> f32 {
        1.0 / (1.0 + (-(self.curve.0 * margin + self.curve.1)).exp())
    }

    #[cfg(any(test, feature = "train"))]
    /// As bytes: a header, the plain words, then of the rows a mask of the tags that have a weight and
    /// the weights; a mask of zero is followed by how many rows more are empty.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for f in [self.scale, self.curve.0, self.curve.1] {
            out.extend(f.to_le_bytes());
        }
        for t in self.transitions {
            out.extend((t.clamp(-32768, 32767) as i16).to_le_bytes());
        }
        out.extend((self.plain.sorted.len() as u32).to_le_bytes());
        for hash in &self.plain.sorted {
            out.extend(hash.to_le_bytes());
        }
        let mut rows = self.rows.iter().peekable();
        while let Some(row) = rows.next() {
            let mask = (0..LANES).fold(0u16, |m, k| m | u16::from(row[k] != 0) << k);
            out.extend(mask.to_le_bytes());
            if mask == 0 {
                let mut more = 0u8;
                while more < u8::MAX && rows.next_if(|r| r.iter().all(|w| *w == 0)).is_some() {
                    more += 1;
                }
                out.push(more);
            } else {
                out.extend(row.iter().filter(|w| **w != 0).map(|w| *w as u8));
            }
        }
        out
    }

    /// What [`Weights::pack`] made; nothing if it is anything else.
    pub(crate) fn unpack(bytes: &[u8]) -> Option<Self> {
        let mut at = Reader(bytes);
        if at.take::<8>()? != MAGIC {
            return None;
        }
        let scale = f32::from_le_bytes(*at.take()?);
        let curve = (f32::from_le_bytes(*at.take()?), f32::from_le_bytes(*at.take()?));
        let mut transitions = [0; TAGS * TAGS];
        for t in &mut transitions {
            *t = i16::from_le_bytes(*at.take()?).into();
        }
        let plain = u32::from_le_bytes(*at.take()?);
        let plain = (0..plain).map(|_| at.take().map(|b| u64::from_le_bytes(*b))).collect::<Option<Vec<u64>>>()?;
        let mut rows = vec![[0i8; LANES]; ROWS];
        let mut row = 0;
        while row < ROWS {
            let mask = u16::from_le_bytes(*at.take()?);
            if mask == 0 {
                row += 1 + usize::from(at.take::<1>()?[0]);
                continue;
            }
            for k in (0..LANES).filter(|k| mask >> k & 1 == 1) {
                rows[row][k] = at.take::<1>()?[0] as i8;
            }
            row += 1;
        }
        (row == ROWS && at.0.is_empty()).then(|| Self { rows, transitions, scale, curve, plain: Plain::new(plain) })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(head)
    }
}

/// Words by their hashes.
pub(crate) struct Plain {
    #[cfg(any(test, feature = "train"))]
    sorted: Vec<u64>,
    slots: Vec<u64>,
}

impl Plain {
    pub(crate) fn new(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        let mut slots = vec![0; (hashes.len() * 2 + 2).next_power_of_two()];
        let mask = slots.len() - 1;
        for hash in &hashes {
            let mut at = (*hash >> 20) as usize & mask;
            while slots[at] != 0 {
                at = (at + 1) & mask;
            }
            slots[at] = *hash;
        }
        Self {
            #[cfg(any(test, feature = "train"))]
            sorted: hashes,
            slots,
        }
    }

    #[inline]
    pub(crate) fn has(&self, hash: u64) -> bool {
        let mask = self.slots.len() - 1;
        let mut at = (hash >> 20) as usize & mask;
        loop {
            match self.slots[at] {
                0 => return false,
                h if h == hash => return true,
                _ => at = (at + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_packing() {
        let mut w = vec![0.0; ROWS * TAGS];
        for i in (0..w.len()).step_by(977) {
            w[i] = (i % 251) as f32 - 120.0;
        }
        let t: Vec<f32> = (0..TAGS * TAGS).map(|i| i as f32 / 7.0).collect();
        let weights = Weights::quantised(&w, &t, vec![9, 3, 3]);
        let packed = weights.pack();
        let back = Weights::unpack(&packed).expect("packed");
        assert_eq!(back.rows, weights.rows);
        assert_eq!(back.transitions, weights.transitions);
        assert!(back.plain.has(3) && back.plain.has(9) && !back.plain.has(4));
        assert_eq!(back.pack(), packed);
        assert!(Weights::unpack(&packed[..packed.len() - 1]).is_none());
        assert!(Weights::unpack(&[packed, vec![0]].concat()).is_none());
    }
}
