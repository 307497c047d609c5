//! Exact binomial inference, and its extension to counts that come in clusters.
//!
//! C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case
//! of the binomial", Biometrika 26 (1934) 404–413. A binomial tail is an incomplete beta function,
//! taken here by its continued fraction; a bound is where the tail has the size that is asked for,
//! found by bisection, which cannot miss since tails are monotone.

/// Where a rate lies, with the confidence that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Not below this.
    pub lower: f64,
    /// Not above this.
    pub upper: f64,
}

/// The probability of at most `k` of `n` when each has probability `p`: the exact p-value of the
/// hypothesis that the rate is `p` or more.
pub fn at_most(k: u64, n: u64, p: f64) -> f64 {
    tail(k as f64, n as f64, p)
}

/// The upper bound of a rate of which `k` of `n` were seen: not exceeded with this confidence (one
/// side; 0.95 and the like). 1 where nothing was seen.
pub fn upper_bound(k: u64, n: u64, confidence: f64) -> f64 {
    upper(k as f64, n as f64, 1.0 - confidence)
}

/// The interval of Clopper and Pearson: both sides, each with half of what is left of 1.
pub fn interval(k: u64, n: u64, confidence: f64) -> Interval {
    two_sided(k as f64, n as f64, confidence)
}

/// The interval of a rate whose trials come in clusters (characters in documents), of which only
/// the clusters are independent. `clusters` are pairs of hits and trials.
///
/// E. L. Korn and B. I. Graubard, "Confidence intervals for proportions with small expected number
/// of positive counts estimated from survey data", Survey Methodology 24 (1998) 193–201: the
/// linearised variance between clusters gives a number of independent trials that would be as good,
/// and Clopper and Pearson's interval is taken for that number. Where the clusters show no variance
/// (no hits at all, or nothing but hits) each counts as a single trial, which errs on the safe side.
pub fn clustered(clusters: &[(u64, u64)], confidence: f64) -> Interval {
    let filled: Vec<(f64, f64)> =
        clusters.iter().filter(|c| c.1 > 0).map(|&(hits, trials)| (hits as f64, trials as f64)).collect();
    let (count, hits, trials) = filled.iter().fold((0.0, 0.0, 0.0), |(c, h, t), f| (c + 1.0, h + f.0, t + f.1));
    if count == 0.0 {
        return Interval { lower: 0.0, upper: 1.0 };
    }
    let rate = hits / trials;
    let spread: f64 = filled.iter().map(|(h, t)| (h - rate * t).powi(2)).sum();
    let effective = if count < 2.0 || spread == 0.0 {
        count
    } else {
        let variance = spread * count / (count - 1.0) / (trials * trials);
        let alpha = 1.0 - confidence;
        let few = student_squared(trials - 1.0, alpha) / student_squared(count - 1.0, alpha);
        (rate * (1.0 - rate) / variance * few).min(trials)
    };
    two_sided(rate * effective, effective, confidence)
}

fn two_sided(k: f64, n: f64, confidence: f64) -> Interval {
    let half = (1.0 - confidence) / 2.0;
    // The lower bound is the upper one of what did not happen, seen from the other end.
    Interval { lower: 1.0 - upper(n - k, n, half), upper: upper(k, n, half) }
}

/// The rate at which at most `k` of `n` have probability `alpha`.
fn upper(k: f64, n: f64, alpha: f64) -> f64 {
    if n <= 0.0 || k >= n { 1.0 } else { bisect(|p| tail(k, n, p) > alpha) }
}

fn tail(k: f64, n: f64, p: f64) -> f64 {
    if k >= n { 1.0 } else { beta_tails(k + 1.0, n - k, p).1 }
}

/// The square of Student's t that is exceeded, on either side, with probability `alpha`.
fn student_squared(freedom: f64, alpha: f64) -> f64 {
    let x = bisect(|x| beta_tails(freedom / 2.0, 0.5, x).0 < alpha);
    freedom * (1.0 - x) / x
}

/// The last place between 0 and 1 at which `before` holds, of a condition that holds up to one.
fn bisect(before: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // Halving is by value until the leading digits stand, so that small bounds are as good as large ones.
    for _ in 0..400 {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            break;
        }
        if before(middle) { low = middle } else { high = middle }
    }
    high
}

/// The regularised incomplete beta function at `x`, and what is left of it to 1; the smaller of the
/// two is computed, so that neither loses its digits.
fn beta_tails(a: f64, b: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if x >= 1.0 {
        return (1.0, 0.0);
    }
    // Γ(a+b)/Γ(a)Γ(b) xᵃ(1-x)ᵇ around its peak, so that large terms do not cancel.
    let off = x * b - (1.0 - x) * a;
    let peak = 0.5 * (a / std::f64::consts::TAU * (b / (a + b))).ln() + remainder(a + b) - remainder(a) - remainder(b);
    let front = (peak + a * (off / a).ln_1p() + b * (-off / b).ln_1p()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        let lower = front * continued_fraction(a, b, x) / a;
        (lower, 1.0 - lower)
    } else {
        let upper = front * continued_fraction(b, a, 1.0 - x) / b;
        (1.0 - upper, upper)
    }
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22) by Lentz's method.
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let floor = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / floor(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    // About the root of the larger parameter is enough; a billion trials need some ten thousand.
    for m in 1..1_000_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut step = 1.0;
        for term in [even, odd] {
            d = 1.0 / floor(1.0 + term * d);
            c = floor(1.0 + term / c);
            step = c * d;
            value *= step;
        }
        if (step - 1.0).abs() < 1e-15 {
            break;
        }
    }
    value
}

/// What Stirling's formula leaves of the logarithm of the gamma function: its series (DLMF 5.11.1),
/// reached from small arguments by the recurrence.
fn remainder(x: f64) -> f64 {
    const SERIES: [f64; 7] =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0];
    let (mut z, mut below) = (x, 1.0_f64);
    while z < 12.0 {
        below *= z;
        z += 1.0;
    }
    let (inverse, square) = (1.0 / z, 1.0 / (z * z));
    let series = SERIES.iter().rev().fold(0.0, |sum, term| sum * square + term) * inverse;
    if z > x { stirling(z) + series - below.ln() - stirling(x) } else { series }
}

fn stirling(x: f64) -> f64 {
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "{got} is not {want}");
    }

    /// What R's `binom.test` gives, to the digits that it prints.
    #[test]
    fn known_intervals() {
        for (k, n, confidence, lower, upper) in [
            (682, 925, 0.95, 0.707_668_3, 0.765_406_6),
            (9, 24, 0.95, 0.187_992_9, 0.594_063_6),
            (1, 1497, 0.90, 3.426_347e-5, 3.164_954e-3),
        ] {
            let got = interval(k, n, confidence);
            near(got.lower, lower, 3e-7);
            near(got.upper, upper, 3e-7);
        }
    }

    /// Without hits, and with nothing else, the bounds have closed forms; "the rule of three" is one.
    #[test]
    fn closed_forms() {
        for n in [1, 2, 7, 60, 1000, 250_000, 100_000_000] {
            let root = |tail: f64| -(tail.ln() / n as f64).exp_m1();
            near(upper_bound(0, n, 0.95), root(0.05), 1e-9);
            near(interval(0, n, 0.95).upper, root(0.025), 1e-9);
            near(1.0 - interval(n, n, 0.95).lower, root(0.025), 1e-6);
            assert_eq!((interval(0, n, 0.95).lower, interval(n, n, 0.95).upper), (0.0, 1.0));
            assert_eq!(upper_bound(n, n, 0.95), 1.0);
        }
        assert_eq!(interval(0, 0, 0.95), Interval { lower: 0.0, upper: 1.0 });
        assert_eq!(upper_bound(0, 0, 0.95), 1.0);
    }

    /// Tails against the sum that defines them.
    #[test]
    fn tails_are_sums() {
        for n in [1_u64, 5, 23, 140] {
            for k in 0..=n {
                for p in [1e-6, 0.003, 0.2, 0.5, 0.77, 0.98] {
                    let (mut term, mut sum) = ((1.0_f64 - p).powi(n as i32), 0.0);
                    for i in 0..=k {
                        sum += term;
                        term *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
                    }
                    let got = at_most(k, n, p);
                    assert!((got - sum).abs() < 1e-11, "at most {k} of {n} at {p}: {got} is not {sum}");
                }
            }
        }
    }

    /// A bound is the rate whose tail is what is left of the confidence.
    #[test]
    fn bounds_undo_tails() {
        for (k, n) in [(0, 10), (3, 10), (9, 10), (17, 400), (1, 90_000), (44_000, 90_000)] {
            for confidence in [0.5, 0.9, 0.95, 0.999] {
                near(at_most(k, n, upper_bound(k, n, confidence)), 1.0 - confidence, 1e-7);
            }
        }
    }

    #[test]
    fn bounds_grow_with_hits_and_shrink_with_trials() {
        let bound = |k, n| upper_bound(k, n, 0.95);
        assert!((0..50).all(|k| bound(k, 50) < bound(k + 1, 50) || bound(k, 50) == 1.0));
        assert!((5..500).all(|n| bound(4, n) > bound(4, n + 1)));
    }

    #[test]
    fn students_quantiles() {
        for (freedom, alpha, t) in [(1.0, 0.05, 12.706_205), (9.0, 0.05, 2.262_157), (1e7, 0.05, 1.959_964)] {
            near(student_squared(freedom, alpha).sqrt(), t, 1e-6);
        }
    }

    #[test]
    fn logarithms_of_factorials() {
        let gamma = |x: f64| stirling(x) + remainder(x);
        let mut factorial = 0.0;
        for n in 1..200 {
            near(gamma(f64::from(n) + 1.0) + 1.0, factorial + 1.0, 1e-13);
            factorial += f64::from(n + 1).ln();
        }
        near(gamma(0.5), std::f64::consts::PI.sqrt().ln(), 1e-13);
    }

    /// Hits that come together say less than the same hits spread about; single trials say as much.
    #[test]
    fn clusters_widen_what_they_must() {
        let spread: Vec<(u64, u64)> = (0..40).map(|i| (u64::from(i % 2 == 0), 10)).collect();
        let lumped: Vec<(u64, u64)> = (0..40).map(|i| (if i < 2 { 10 } else { 0 }, 10)).collect();
        let (even, lump, naive) = (clustered(&spread, 0.95), clustered(&lumped, 0.95), interval(20, 400, 0.95));
        assert!(lump.upper > 2.0 * naive.upper, "{lump:?} {naive:?}");
        assert!((even.upper - naive.upper).abs() < 0.01, "{even:?} {naive:?}");
        assert_eq!(clustered(&[(0, 900), (0, 100), (0, 0)], 0.95), interval(0, 2, 0.95));
        assert_eq!(clustered(&[], 0.95), Interval { lower: 0.0, upper: 1.0 });
        let single: Vec<(u64, u64)> = (0..300).map(|i| (u64::from(i % 10 == 0), 1)).collect();
        let (got, want) = (clustered(&single, 0.95), interval(30, 300, 0.95));
        assert!((got.upper - want.upper).abs() < 1e-3 && (got.lower - want.lower).abs() < 1e-3, "{got:?} {want:?}");
    }
}
