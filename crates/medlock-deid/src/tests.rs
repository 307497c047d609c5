//! The way through the crate as a whole: protect, a model that says this or that, filter, restore.

#![allow(clippy::unwrap_used, reason = "tests")]

mod classes;
mod round_trip;
mod splits;
mod stand_ins;

use medlock_domain::{ModelText, PhiText, ProtectionMode};

use crate::{Detector, OnLeak, OutputFilter, Protected, Restorer, Surrogates, protect_all};

pub(crate) fn protect(mode: ProtectionMode, texts: &[&str]) -> Protected {
    let inputs = texts.iter().map(|t| PhiText::new(*t).into()).collect();
    protect_all(Detector::shared(), mode, inputs, &mut counting()).unwrap()
}

/// Numbers that anybody can foresee.
pub(crate) fn counting() -> impl FnMut(&mut [u8]) {
    let mut n = 0u64;
    move |out: &mut [u8]| {
        for b in out {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *b = (n >> 56) as u8;
        }
    }
}

pub(crate) fn tokenize(texts: &[&str]) -> Protected {
    protect(ProtectionMode::Tokenize, texts)
}

/// What the caller gets when the model says `pieces`.
pub(crate) fn answer(surrogates: &Surrogates, restore: bool, pieces: &[&str]) -> String {
    let mut filter = OutputFilter::new(Detector::shared(), surrogates, OnLeak::Redact);
    let mut restorer = Restorer::new(surrogates, restore);
    let mut out = String::new();
    for piece in pieces {
        for text in filter.push(ModelText::new(*piece)).unwrap() {
            restorer.push(text).iter().for_each(|t| out.push_str(t.expose()));
        }
    }
    for text in filter.finish().unwrap().0 {
        restorer.push(text).iter().for_each(|t| out.push_str(t.expose()));
    }
    restorer.finish().iter().for_each(|t| out.push_str(t.expose()));
    out
}

/// The characters of a text, one by one.
pub(crate) fn letters(text: &str) -> Vec<&str> {
    text.split("").filter(|c| !c.is_empty()).collect()
}
