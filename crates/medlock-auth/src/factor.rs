//! Second factors: one-time codes, and the recovery codes of who has lost what makes them. Each counts once.

use crate::authenticate::unavailable;
use crate::error::AuthFailure;
use crate::login::FAILURES_DISABLE;
use crate::passkey::Assertion;
use crate::principal::Principal;
use crate::service::Auth;
use medlock_domain::{CeremonyId, UserId};
use medlock_keys::digest::{Digest, sha256};
use medlock_keys::password::Secret;
use medlock_keys::totp::TotpSecret;
use medlock_store::UserRow;
use zeroize::Zeroizing;

/// So many recovery codes are made at a time.
pub(crate) const RECOVERY_CODES: usize = 10;
/// 80 bits in base 32, in groups of four: high entropy needs no slow hash.
const RECOVERY_CHARS: usize = 16;

/// With what somebody showed that it is them, beside a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factor {
    /// A one-time code of an authenticator app (RFC 6238).
    Totp,
    /// A recovery code.
    RecoveryCode,
    /// A passkey, which stands for the password as well.
    Passkey,
    /// One that the identity provider asked for.
    Sso,
}

impl Factor {
    /// The word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Passkey => "passkey",
            Self::Sso => "sso",
        }
    }
}

/// How somebody who is logged in shows that it is them still.
#[derive(Debug)]
pub enum Proof {
    /// A one-time code, or a recovery code.
    Code(Secret),
    /// A passkey's answer in a ceremony that [`Auth::begin_passkey_step_up`] began.
    Passkey(CeremonyId, Box<Assertion>),
}

/// A second factor that is right, and not used up yet.
pub(crate) enum Shown {
    Step(i64),
    Recovery(Digest),
}

impl Shown {
    pub(crate) fn factor(&self) -> Factor {
        match self {
            Self::Step(_) => Factor::Totp,
            Self::Recovery(_) => Factor::RecoveryCode,
        }
    }
}

impl Auth {
    /// What was shown, if it is right; the same work for nobody.
    pub(crate) async fn shown(
        &self,
        user: Option<&UserRow>,
        code: Option<&Secret>,
    ) -> Result<Option<Shown>, AuthFailure> {
        let code = code.map_or("", Secret::expose);
        let id = user.map_or(&self.0.nobody.id, |u| &u.id);
        if let Some(digest) = recovery_digest(id, code) {
            let right = self.0.store.has_recovery_code(id, &digest).await.map_err(unavailable)?;
            return Ok(right.then_some(Shown::Recovery(digest)));
        }
        let enrolled = user.and_then(secret_of);
        let secret = enrolled.as_ref().unwrap_or(&self.0.nobody.totp);
        let step = secret.matching_step(code, self.now().seconds());
        Ok(step.filter(|_| enrolled.is_some()).map(Shown::Step))
    }

    /// Uses it up: false when it was used before.
    pub(crate) async fn use_up(&self, user: &UserId, shown: &Shown) -> Result<bool, AuthFailure> {
        let done = match shown {
            Shown::Step(step) => self.0.store.accept_totp_step(user, *step).await,
            Shown::Recovery(digest) => self.0.store.use_recovery_code(user, digest).await,
        };
        done.map_err(unavailable)
    }

    /// Somebody who is logged in shows their second factor again, before something that wants it fresh. Each code
    /// counts once.
    ///
    /// # Errors
    /// When they are a program, have no factor, or the code is wrong, used already or tried too often.
    pub async fn show_factor(&self, principal: &Principal, code: &Secret) -> Result<Factor, AuthFailure> {
        if !principal.is_person() {
            return Err(AuthFailure::NoFactor);
        }
        let (name, from, now) = (principal.username().as_str(), principal.0.from, self.now());
        let attempt = self.0.throttle.begin(name, from, now).ok_or(AuthFailure::Throttled)?;
        let user = self.0.store.user(principal.user()).await.map_err(unavailable)?;
        let user = user.filter(|u| !u.disabled).ok_or(AuthFailure::Disabled)?;
        let counters = self.0.store.user_counters(&user.id).await.map_err(unavailable)?;
        if counters.is_none_or(|c| c.failures >= FAILURES_DISABLE) {
            return Err(AuthFailure::Locked);
        }
        if user.totp.is_none() {
            return Err(AuthFailure::NoFactor);
        }
        let failure = match self.shown(Some(&user), Some(code)).await? {
            None => AuthFailure::WrongCode,
            Some(shown) if self.use_up(&user.id, &shown).await? => {
                self.0.throttle.succeeded(&attempt);
                return Ok(shown.factor());
            }
            Some(_) => AuthFailure::ReplayedCode,
        };
        self.count_failure(failure, Some(user.id));
        Err(failure)
    }
}

/// Whom a log-in under a name that does not exist is checked against.
pub(crate) struct Nobody {
    pub(crate) id: UserId,
    pub(crate) totp: TotpSecret,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        Self { id: UserId::from_random(medlock_keys::random::bytes()), totp: TotpSecret::generate() }
    }
}

/// New recovery codes: what is shown once, and the digests that are kept.
pub(crate) fn new_recovery_codes(user: &UserId) -> (Vec<Secret>, Vec<Digest>) {
    let code = || {
        let random = TotpSecret::generate().base32();
        let groups: Vec<&str> = (0..RECOVERY_CHARS).step_by(4).filter_map(|i| random.get(i..i + 4)).collect();
        Secret::new(groups.join("-").to_ascii_lowercase())
    };
    let codes: Vec<Secret> = (0..RECOVERY_CODES).map(|_| code()).collect();
    let digests = codes.iter().filter_map(|c| recovery_digest(user, c.expose())).collect();
    (codes, digests)
}

/// What is kept of a recovery code; `None` of what has not the form of one. People type these: hyphens, spaces and
/// case do not count.
fn recovery_digest(user: &UserId, code: &str) -> Option<Digest> {
    let plain: Zeroizing<Vec<u8>> = Zeroizing::new(
        code.bytes().filter(|b| !matches!(b, b'-' | b' ')).map(|b| b.to_ascii_lowercase()).take(64).collect(),
    );
    let form = plain.len() == RECOVERY_CHARS && plain.iter().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
    form.then(|| sha256(&[b"medlock recovery code\0", user.as_str().as_bytes(), b"\0", &plain]))
}

fn secret_of(user: &UserRow) -> Option<TotpSecret> {
    let bytes: [u8; 20] = user.totp.as_ref()?.as_slice().try_into().ok()?;
    Some(TotpSecret::from_bytes(bytes))
}
