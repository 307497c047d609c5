#![allow(clippy::unwrap_used, reason = "tests")]

mod formats;
mod profiles;
mod properties;
mod restoring;

use medlock_domain::PhiClass;

use super::*;

/// Foreseeable numbers: SplitMix64.
pub(super) fn random(seed: u64) -> impl FnMut(&mut [u8]) {
    let mut state = seed;
    move |out: &mut [u8]| {
        for chunk in out.chunks_mut(8) {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let bytes = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

pub(super) fn vault(seed: u64) -> MemoryVault<impl FnMut(&mut [u8])> {
    MemoryVault::new(random(seed))
}

/// An expert's profile that does the same with every class that can have it, and redacts the others.
pub(super) fn all(action: Action, scope: Scope) -> Profile {
    let mut toml = format!("name = \"expert:test\"\nscope = \"{scope}\"\n[actions]\n");
    for class in PhiClass::ALL {
        let action = match (action, class) {
            (Action::Shift, PhiClass::Date) => Action::Shift,
            (Action::Generalise, PhiClass::Date | PhiClass::Age | PhiClass::Location) => Action::Generalise,
            (Action::Shift | Action::Generalise, _) => Action::Redact,
            (other, _) => other,
        };
        toml += &format!("{class} = \"{action}\"\n");
    }
    Profile::from_toml(&toml).unwrap()
}

pub(super) fn deid(profile: &Profile, seed: u64) -> Deidentifier<'_, MemoryVault<impl FnMut(&mut [u8])>> {
    let mut d = Deidentifier::new(Detector::shared(), profile, vault(seed)).in_year(2026);
    d.document(Some("one"));
    d
}
