//! How the reference scorer, a Python script, writes numbers, strings and samples.

use super::unicode::printable;
use std::fmt::Write as _;

/// A floating-point number as `repr` gives it, in the range that rates have.
pub(super) fn float(x: f64) -> String {
    if x != 0.0 && x.abs() < 1e-4 {
        // 5e-05, where Rust writes 5e-5.
        let text = format!("{x:e}");
        match text.split_once("e-") {
            Some((digits, exponent)) => format!("{digits}e-{exponent:0>2}"),
            None => text,
        }
    } else {
        format!("{x:?}")
    }
}

/// A string as `repr` gives it.
pub(super) fn string(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        let code = u32::from(c);
        let _infallible = match c {
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\\' => write!(out, "\\\\"),
            c if c == quote => write!(out, "\\{c}"),
            c if printable(c) => write!(out, "{c}"),
            _ if code < 0x100 => write!(out, "\\x{code:02x}"),
            _ if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out.push(quote);
    out
}

/// Puts things into the order that `random.seed(1); random.shuffle(…)` gives: a sample that is the
/// same every time. Nothing here needs to be unpredictable.
pub(super) fn shuffle<T>(things: &mut [T]) {
    let mut twister = Twister::seeded(1);
    for i in (1..things.len()).rev() {
        things.swap(i, twister.below(i + 1));
    }
}

/// The Mersenne Twister MT19937 (M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998) 3–30).
struct Twister {
    state: [u32; Self::N],
    next: usize,
}

impl Twister {
    const N: usize = 624;
    const M: usize = 397;

    /// `init_by_array` of the one word `seed`.
    fn seeded(seed: u32) -> Self {
        let mut s = [0_u32; Self::N];
        s[0] = 19_650_218;
        for i in 1..Self::N {
            s[i] = 1_812_433_253_u32.wrapping_mul(s[i - 1] ^ (s[i - 1] >> 30)).wrapping_add(i as u32);
        }
        let mix = |s: &[u32], i: usize, by: u32| s[i] ^ (s[i - 1] ^ (s[i - 1] >> 30)).wrapping_mul(by);
        let mut i = 1;
        for _ in 0..Self::N {
            s[i] = mix(&s, i, 1_664_525).wrapping_add(seed);
            i = Self::after(&mut s, i);
        }
        for _ in 1..Self::N {
            s[i] = mix(&s, i, 1_566_083_941).wrapping_sub(i as u32);
            i = Self::after(&mut s, i);
        }
        s[0] = 0x8000_0000;
        Self { state: s, next: Self::N }
    }

    fn after(s: &mut [u32; Self::N], i: usize) -> usize {
        if i + 1 < Self::N {
            return i + 1;
        }
        s[0] = s[Self::N - 1];
        1
    }

    fn word(&mut self) -> u32 {
        if self.next == Self::N {
            self.twist();
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn twist(&mut self) {
        for k in 0..Self::N {
            let y = (self.state[k] & 0x8000_0000) | (self.state[(k + 1) % Self::N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[k] = self.state[(k + Self::M) % Self::N] ^ (y >> 1) ^ odd;
        }
        self.next = 0;
    }

    /// Evenly from 0 to `n` - 1, by trying as many bits as `n` has.
    fn below(&mut self, n: usize) -> usize {
        let bits = usize::BITS - n.leading_zeros();
        loop {
            let drawn = (self.word() >> (32 - bits.min(32))) as usize;
            if drawn < n {
                return drawn;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_and_strings() {
        for (x, want) in
            [(1.0, "1.0"), (0.0, "0.0"), (0.1, "0.1"), (0.0001, "0.0001"), (0.00005, "5e-05"), (1.25e-12, "1.25e-12")]
        {
            assert_eq!(float(x), want);
        }
        for (text, want) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("'\"", r#"'\'"'"#),
            ("a\\\t\r\n", r"'a\\\t\r\n'"),
            ("é\u{a0}\u{200b}\u{e0001}\u{7f}", "'é\\xa0\\u200b\\U000e0001\\x7f'"),
        ] {
            assert_eq!(string(text), want);
        }
    }

    /// From `random.seed(1); random.shuffle(list(range(12)))` and `random.getrandbits(32)`.
    #[test]
    fn the_sample_is_pythons() {
        let mut numbers: Vec<u32> = (0..12).collect();
        shuffle(&mut numbers);
        assert_eq!(numbers, SHUFFLED);
        let mut twister = Twister::seeded(1);
        let words: Vec<u32> = (0..1000).map(|_| twister.word()).collect();
        assert_eq!((words[0], words[1], words[999]), WORDS);
    }
    const SHUFFLED: [u32; 12] = [7, 11, 0, 8, 5, 6, 3, 10, 4, 1, 9, 2];
    const WORDS: (u32, u32, u32) = (577090037, 2444712010, 1877627338);
}
