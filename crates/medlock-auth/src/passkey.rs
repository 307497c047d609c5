//! Passkeys (WebAuthn level 3): a public key whose private half an authenticator keeps, which verifies its person itself.
//! It stands for both factors, and cannot be phished (SP 800-63B-4, 3.1.7, 3.2.5): it signs for one origin only.
//!
//! A ceremony is begun here, answered by the authenticator, and ended here, once: what was asked is taken out of
//! memory by the first answer, right or wrong, so that no answer counts twice.

use crate::authenticate::unavailable;
use crate::credential::Peer;
use crate::error::{AuthError, AuthFailure, LoginFailure};
use crate::factor::Factor;
use crate::login::NewSession;
use crate::permit::{AdminAction, AdminPermit};
use crate::principal::Principal;
use crate::service::Auth;
use crate::sso::NO_PASSWORD;
use crate::throttle::source_key;
use medlock_domain::{CeremonyId, NetworkSource, PasskeyId, Timestamp, UserId};
use medlock_keys::digest::{Digest, sha256};
use medlock_keys::random;
use medlock_store::PasskeyRow;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use webauthn_rs::prelude::{
    CredentialID, DiscoverableAuthentication, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, WebauthnError,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};
use webauthn_rs_proto::ResidentKeyRequirement;

/// The most passkeys of one person.
pub(crate) const MOST: usize = 20;
/// So long an authenticator has for its answer: WebAuthn's recommendation for a person who has to find theirs.
const CEREMONY_MS: i64 = 5 * 60 * 1000;
/// Ceremonies of one network source, or of one person, that may be under way; the oldest makes room.
const MOST_OF_ONE: usize = 256;
/// And of all.
const MOST_OF_ALL: usize = 16_384;

/// The address under which browsers see this server, which passkeys are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    url: Url,
    any_port: bool,
}

/// Not an address that passkeys can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected https://NAME or https://NAME:PORT with a host name (WebAuthn takes no IP address) and nothing after it"
)]
pub struct BadOrigin;

impl Origin {
    /// `https://localhost` on any port: a server that is tried out.
    pub fn localhost() -> Self {
        #[allow(clippy::expect_used, reason = "a constant, and tested")]
        let url = Url::parse("https://localhost").expect("a URL");
        Self { url, any_port: true }
    }

    /// The origin as browsers write it.
    pub fn as_str(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    fn relying_party(&self) -> Webauthn {
        let name = self.url.domain().unwrap_or_default();
        #[allow(clippy::expect_used, reason = "the name is the URL's own, which is all that can be wrong")]
        let builder = WebauthnBuilder::new(name, &self.url).expect("a host name");
        #[allow(clippy::expect_used, reason = "has no way to fail")]
        builder.allow_any_port(self.any_port).rp_name("medlock").build().expect("a relying party")
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Origin {
    type Err = BadOrigin;
    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let url = Url::parse(text).map_err(|_| BadOrigin)?;
        let whole = format!("{}/", text.to_ascii_lowercase().trim_end_matches('/'));
        let plain = url.scheme() == "https" && url.domain().is_some() && !text.contains('@') && url.as_str() == whole;
        if plain { Ok(Self { url, any_port: false }) } else { Err(BadOrigin) }
    }
}

/// What an authenticator is asked, and the name of the asking.
#[derive(Debug)]
pub struct Ceremony {
    /// To come back with the answer.
    pub id: CeremonyId,
    /// `PublicKeyCredentialCreationOptions` or `PublicKeyCredentialRequestOptions` as JSON.
    pub options: Value,
}

/// An authenticator's answer to being asked for a new key.
#[derive(Debug)]
pub struct Attestation(RegisterPublicKeyCredential);

/// An authenticator's answer to being asked who is there.
#[derive(Debug)]
pub struct Assertion(PublicKeyCredential);

impl Attestation {
    /// From what a browser's `PublicKeyCredential` is as JSON; `None` when it is something else.
    pub fn from_json(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok().map(Self)
    }
}

impl Assertion {
    /// From what a browser's `PublicKeyCredential` is as JSON; `None` when it is something else.
    pub fn from_json(value: Value) -> Option<Self> {
        serde_json::from_value(value).ok().map(Self)
    }
}

/// A passkey, in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyInfo {
    /// Its name in records.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// When it was added.
    pub created: Timestamp,
    /// Last use.
    pub last_used: Option<Timestamp>,
}

pub(crate) struct Passkeys {
    relying_party: Webauthn,
    pub(crate) ceremonies: Ceremonies,
    /// A counter is compared and moved on by one at a time.
    counting: tokio::sync::Mutex<()>,
}

impl Passkeys {
    pub(crate) fn new(origin: &Origin) -> Self {
        Self {
            relying_party: origin.relying_party(),
            ceremonies: Ceremonies::default(),
            counting: tokio::sync::Mutex::new(()),
        }
    }
}

/// What was asked, and of whom.
pub(crate) enum Awaited {
    Register(UserId, PasskeyRegistration),
    LogIn(DiscoverableAuthentication),
    StepUp(UserId, PasskeyAuthentication),
    Sso(crate::sso::Asked),
}

impl Awaited {
    /// Of somebody who has not said who they are: anybody can begin these.
    fn is_strangers(&self) -> bool {
        matches!(self, Self::LogIn(_) | Self::Sso(_))
    }
}

struct Begun {
    step: Awaited,
    whose: Whose,
    number: u64,
    at: Timestamp,
}

/// Strangers come after those who are known, so that the greatest is whose is to give way.
type Whose = (bool, Digest);

/// What has been asked and not been answered. In memory and bounded: where it is full, whoever has most of it gives way, and
/// strangers before those who are known.
#[derive(Default)]
pub(crate) struct Ceremonies(Mutex<Table>);

#[derive(Default)]
struct Table {
    begun: HashMap<CeremonyId, Begun>,
    /// In the order in which they were begun.
    order: BTreeMap<u64, CeremonyId>,
    by: HashMap<Whose, BTreeSet<u64>>,
    last: u64,
}

impl Table {
    fn remove(&mut self, id: &CeremonyId) -> Option<Begun> {
        let begun = self.begun.remove(id)?;
        self.order.remove(&begun.number);
        if let Some(theirs) = self.by.get_mut(&begun.whose) {
            theirs.remove(&begun.number);
            if theirs.is_empty() {
                self.by.remove(&begun.whose);
            }
        }
        Some(begun)
    }

    /// The oldest of whoever this is.
    fn give_way(&mut self, whose: &Whose) {
        let oldest = self.by.get(whose).and_then(|theirs| theirs.first()).and_then(|n| self.order.get(n)).cloned();
        oldest.and_then(|id| self.remove(&id));
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some(id) = self.order.first_key_value().map(|(_, id)| id.clone()) {
            if self.begun.get(&id).is_some_and(|begun| now < begun.at.plus_ms(CEREMONY_MS)) {
                return;
            }
            self.remove(&id);
        }
    }
}

impl Ceremonies {
    pub(crate) fn begin(&self, step: Awaited, whose: Digest, now: Timestamp) -> CeremonyId {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.forget_old(now);
        let whose = (step.is_strangers(), whose);
        if table.by.get(&whose).is_some_and(|theirs| theirs.len() >= MOST_OF_ONE) {
            table.give_way(&whose);
        } else if table.begun.len() >= MOST_OF_ALL {
            let most = table.by.iter().max_by_key(|((stranger, _), theirs)| (*stranger, theirs.len()));
            let most = most.map(|(whose, _)| *whose);
            most.iter().for_each(|whose| table.give_way(whose));
        }
        let id = CeremonyId::from_random(random::bytes());
        table.last += 1;
        let number = table.last;
        table.order.insert(number, id.clone());
        table.by.entry(whose).or_default().insert(number);
        table.begun.insert(id.clone(), Begun { step, whose, number, at: now });
        id
    }

    /// Once.
    pub(crate) fn end(&self, id: &CeremonyId, now: Timestamp) -> Option<Awaited> {
        let begun = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id)?;
        (now < begun.at.plus_ms(CEREMONY_MS)).then_some(begun.step)
    }
}

/// How far the authenticator had counted when it was last used.
fn counter(row: &PasskeyRow) -> Result<u32, AuthFailure> {
    let stored: Value = serde_json::from_str(&row.passkey).map_err(|_| AuthFailure::Unavailable)?;
    stored["cred"]["counter"].as_u64().and_then(|n| u32::try_from(n).ok()).ok_or(AuthFailure::Unavailable)
}

impl Auth {
    /// What a new authenticator of the permit's holder is asked.
    ///
    /// # Errors
    /// They have as many passkeys as anybody may.
    pub async fn begin_passkey(&self, by: &AdminPermit) -> Result<Ceremony, AuthError> {
        self.usable(by, &[AdminAction::OwnCredentials])?;
        let holder = by.holder.as_ref().ok_or(AuthError::NotFound("user"))?;
        let user = &holder.user;
        let name = self.existing(user).await?.username;
        let theirs = self.0.store.passkeys(user).await?;
        if theirs.len() >= MOST {
            return Err(AuthError::TooManyPasskeys);
        }
        let exclude = theirs.into_iter().map(|p| CredentialID::from(p.credential)).collect();
        let passkeys = &self.0.passkeys;
        let (mut asked, state) = passkeys
            .relying_party
            .start_passkey_registration(handle(user), name.as_str(), name.as_str(), Some(exclude))
            .map_err(|e| internal(&e))?;
        // One that the authenticator does not keep could not be found without a user name.
        if let Some(selection) = &mut asked.public_key.authenticator_selection {
            selection.resident_key = Some(ResidentKeyRequirement::Required);
            selection.require_resident_key = true;
        }
        let options = serde_json::to_value(&asked.public_key).map_err(|_| AuthError::Interrupted)?;
        let id = passkeys.ceremonies.begin(Awaited::Register(user.clone(), state), of_user(user), self.now());
        Ok(Ceremony { id, options })
    }

    /// Adds the passkey with which an authenticator of the permit's holder has answered.
    ///
    /// # Errors
    /// The answer is not to what was asked, or the name will not do.
    pub async fn add_passkey(
        &self,
        by: &AdminPermit,
        ceremony: &CeremonyId,
        answer: &Attestation,
        name: &str,
        log_index: u64,
    ) -> Result<PasskeyInfo, AuthError> {
        self.usable(by, &[AdminAction::OwnCredentials])?;
        let holder = by.holder.as_ref().ok_or(AuthError::NotFound("user"))?;
        let step = self.0.passkeys.ceremonies.end(ceremony, self.now());
        let Some(Awaited::Register(user, state)) = step else { return Err(AuthError::Passkey) };
        if user != holder.user {
            return Err(AuthError::Passkey);
        }
        if name.trim().is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(AuthError::BadPasskeyName);
        }
        let made = self.0.passkeys.relying_party.finish_passkey_registration(&answer.0, &state);
        let passkey = made.map_err(|error| {
            tracing::info!(%error, "a passkey was not accepted");
            AuthError::Passkey
        })?;
        let row = PasskeyRow {
            id: PasskeyId::from_random(random::bytes()),
            user,
            credential: passkey.cred_id().to_vec(),
            passkey: to_json(&passkey)?,
            name: name.trim().to_owned(),
            created: self.now(),
            log_index,
            last_used: None,
        };
        let _one_at_a_time = self.0.changing.lock().await;
        // Their factor may have been reset while this waited.
        self.usable(by, &[AdminAction::OwnCredentials])?;
        if self.0.store.passkeys(&row.user).await?.len() >= MOST {
            return Err(AuthError::TooManyPasskeys);
        }
        self.0.store.insert_passkey(&row).await.map_err(crate::admin::taken("passkey"))?;
        Ok(info(row))
    }

    /// The passkeys of the permit's holder.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_passkeys(&self, by: &AdminPermit) -> Result<Vec<PasskeyInfo>, AuthError> {
        self.usable(by, &[AdminAction::OwnSessions])?;
        let holder = by.holder.as_ref().ok_or(AuthError::NotFound("user"))?;
        Ok(self.0.store.passkeys(&holder.user).await?.into_iter().map(info).collect())
    }

    /// Takes a passkey from the permit's holder.
    ///
    /// # Errors
    /// They have none of that name.
    pub async fn remove_passkey(&self, by: &AdminPermit, id: &PasskeyId) -> Result<(), AuthError> {
        self.usable(by, &[AdminAction::OwnCredentials])?;
        let holder = by.holder.as_ref().ok_or(AuthError::NotFound("user"))?;
        match self.0.store.delete_passkey(&holder.user, id).await? {
            true => Ok(()),
            false => Err(AuthError::NotFound("passkey")),
        }
    }

    /// What an authenticator is asked when nobody has said who they are.
    ///
    /// # Errors
    /// [`AuthFailure::Unavailable`].
    pub fn begin_passkey_log_in(&self, from: NetworkSource) -> Result<Ceremony, AuthFailure> {
        let passkeys = &self.0.passkeys;
        let asked = passkeys.relying_party.start_discoverable_authentication();
        let (asked, state) = asked.map_err(|_| AuthFailure::Unavailable)?;
        let options = serde_json::to_value(&asked.public_key).map_err(|_| AuthFailure::Unavailable)?;
        Ok(Ceremony { id: passkeys.ceremonies.begin(Awaited::LogIn(state), source_key(from), self.now()), options })
    }

    /// Begins a session for whose passkey has answered.
    ///
    /// # Errors
    /// The reason and the account are for the record; the caller is told the same for each.
    pub async fn log_in_with_passkey(
        &self,
        ceremony: &CeremonyId,
        answer: &Assertion,
        peer: impl Into<Peer>,
    ) -> Result<NewSession, LoginFailure> {
        let peer = peer.into();
        let seen = self.0.standing.seen();
        let nobody = |failure| LoginFailure { failure, user: None };
        let step = self.0.passkeys.ceremonies.end(ceremony, self.now());
        let Some(Awaited::LogIn(state)) = step else { return Err(nobody(AuthFailure::WrongPasskey)) };
        let relying_party = &self.0.passkeys.relying_party;
        let (claimed, credential) = relying_party
            .identify_discoverable_authentication(&answer.0)
            .map_err(|_| nobody(AuthFailure::WrongPasskey))?;
        let _one_at_a_time = self.0.passkeys.counting.lock().await;
        let row = self.0.store.passkey_by_credential(credential).await.map_err(|e| nobody(unavailable(e)))?;
        let row = row.ok_or(nobody(AuthFailure::Unknown))?;
        let fail = |failure| LoginFailure { failure, user: Some(row.user.clone()) };
        let user = self.0.store.user(&row.user).await.map_err(|e| fail(unavailable(e)))?;
        let user = user.filter(|u| !u.disabled).ok_or(fail(AuthFailure::Disabled))?;
        // Whether they are still let in, and as what, their provider says at each log-in.
        if user.password_phc == NO_PASSWORD {
            return Err(fail(AuthFailure::ProviderOnly));
        }
        if claimed != handle(&user.id) {
            return Err(fail(AuthFailure::WrongPasskey));
        }
        self.answered(&row, |passkey| relying_party.finish_discoverable_authentication_v2(&answer.0, state, passkey))
            .await
            .map_err(fail)?;
        if !self.may_log_in(&user, true, peer.from) {
            return Err(fail(AuthFailure::NoFactor));
        }
        self.begin(user, Some((Factor::Passkey, self.now())), peer, seen).await.map_err(fail)
    }

    /// What the authenticators of somebody who is logged in are asked, before something that wants it fresh.
    ///
    /// # Errors
    /// [`AuthFailure::NoFactor`] when they have no passkey.
    pub async fn begin_passkey_step_up(&self, principal: &Principal) -> Result<Ceremony, AuthFailure> {
        if !principal.is_person() {
            return Err(AuthFailure::NoFactor);
        }
        let user = principal.user();
        let rows = self.0.store.passkeys(user).await.map_err(unavailable)?;
        let theirs: Vec<Passkey> = rows.iter().filter_map(|row| serde_json::from_str(&row.passkey).ok()).collect();
        if theirs.is_empty() {
            return Err(AuthFailure::NoFactor);
        }
        let passkeys = &self.0.passkeys;
        let asked = passkeys.relying_party.start_passkey_authentication(&theirs);
        let (asked, state) = asked.map_err(|_| AuthFailure::Unavailable)?;
        let options = serde_json::to_value(&asked.public_key).map_err(|_| AuthFailure::Unavailable)?;
        let id = passkeys.ceremonies.begin(Awaited::StepUp(user.clone(), state), of_user(user), self.now());
        Ok(Ceremony { id, options })
    }

    /// Somebody who is logged in has shown their passkey again.
    pub(crate) async fn show_passkey(
        &self,
        principal: &Principal,
        ceremony: &CeremonyId,
        answer: &Assertion,
    ) -> Result<Factor, AuthFailure> {
        let step = self.0.passkeys.ceremonies.end(ceremony, self.now());
        let Some(Awaited::StepUp(user, state)) = step else { return Err(AuthFailure::WrongPasskey) };
        if user != *principal.user() {
            return Err(AuthFailure::WrongPasskey);
        }
        let _one_at_a_time = self.0.passkeys.counting.lock().await;
        let row = self.0.store.passkey_by_credential(answer.0.get_credential_id()).await.map_err(unavailable)?;
        let row = row.filter(|row| row.user == user).ok_or(AuthFailure::WrongPasskey)?;
        let relying_party = &self.0.passkeys.relying_party;
        self.answered(&row, |_| relying_party.finish_passkey_authentication(&answer.0, &state)).await?;
        Ok(Factor::Passkey)
    }

    /// Checks an answer and writes down where the authenticator's counter is. One that has not gone on is a copy's.
    async fn answered(
        &self,
        row: &PasskeyRow,
        check: impl FnOnce(&Passkey) -> Result<webauthn_rs::prelude::AuthenticationResult, WebauthnError>,
    ) -> Result<(), AuthFailure> {
        let mut passkey: Passkey = serde_json::from_str(&row.passkey).map_err(|_| AuthFailure::Unavailable)?;
        let result = check(&passkey).map_err(|error| match error {
            WebauthnError::CredentialPossibleCompromise => AuthFailure::ClonedPasskey,
            _ => AuthFailure::WrongPasskey,
        })?;
        // What was asked knows the counter as it was then: somebody may have used it since.
        let counted = counter(row)?;
        if (result.counter() > 0 || counted > 0) && result.counter() <= counted {
            return Err(AuthFailure::ClonedPasskey);
        }
        passkey.update_credential(&result);
        let passkey = to_json(&passkey).map_err(|_| AuthFailure::Unavailable)?;
        let row = PasskeyRow { passkey, ..row.clone() };
        match self.0.store.passkey_used(&row, self.now()).await.map_err(unavailable)? {
            true => Ok(()),
            false => Err(AuthFailure::Revoked),
        }
    }
}

/// What authenticators know a person by: says nothing of them to who finds the authenticator.
fn handle(user: &UserId) -> Uuid {
    let digest = sha256(&[b"medlock passkey user\0", user.as_str().as_bytes()]);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(bytes)
}

fn of_user(user: &UserId) -> Digest {
    sha256(&[b"medlock ceremonies of\0", user.as_str().as_bytes()])
}

fn to_json(passkey: &Passkey) -> Result<String, AuthError> {
    serde_json::to_string(passkey).map_err(|_| AuthError::Interrupted)
}

fn info(row: PasskeyRow) -> PasskeyInfo {
    PasskeyInfo { id: row.id, name: row.name, created: row.created, last_used: row.last_used }
}

fn internal(error: &WebauthnError) -> AuthError {
    tracing::error!(%error, "a passkey ceremony could not begin");
    AuthError::Interrupted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    #[test]
    fn an_origin_is_a_name_with_a_port_and_nothing_else() {
        for good in ["https://medlock.example", "https://medlock.example:8443", "https://localhost:1/"] {
            let origin: Origin = good.parse().unwrap();
            assert_eq!(origin.as_str(), good.trim_end_matches('/'));
            origin.relying_party();
        }
        for bad in [
            "",
            "medlock.example",
            "http://medlock.example",
            "https://192.0.2.1",
            "https://[::1]:8443",
            "https://medlock.example/login",
            "https://u:p@medlock.example",
            "https://medlock.example?x",
            "https://medlock.example#x",
        ] {
            assert_eq!(bad.parse::<Origin>(), Err(BadOrigin), "{bad}");
        }
        Origin::localhost().relying_party();
    }

    #[test]
    fn ceremonies_end_once_expire_and_take_bounded_memory() {
        let relying_party = Origin::localhost().relying_party();
        let step = || Awaited::LogIn(relying_party.start_discoverable_authentication().unwrap().1);
        let source = |n: u32| source_key(NetworkSource(IpAddr::V4(Ipv4Addr::from_bits(n))));
        let ceremonies = Ceremonies::default();
        let first = ceremonies.begin(step(), source(1), Timestamp(0));
        assert!(ceremonies.end(&first, Timestamp(1)).is_some());
        assert!(ceremonies.end(&first, Timestamp(1)).is_none());
        let late = ceremonies.begin(step(), source(1), Timestamp(0));
        assert!(ceremonies.end(&late, Timestamp(CEREMONY_MS)).is_none());
        let victim = ceremonies.begin(step(), source(2), Timestamp(0));
        for n in 0..MOST_OF_ONE as i64 * 2 {
            ceremonies.begin(step(), source(1), Timestamp(n));
        }
        assert_eq!(ceremonies.0.lock().unwrap().begun.len(), MOST_OF_ONE + 1);
        assert!(ceremonies.end(&victim, Timestamp(1)).is_some(), "one source pushes nobody else out");

        // Nor do many: whoever has most of a full table gives way, and who is known after all strangers.
        let ada = UserId::from_random([1; 16]);
        let known = || Awaited::StepUp(ada.clone(), relying_party.start_passkey_authentication(&[]).unwrap().1);
        let ceremonies = Ceremonies::default();
        let mine = ceremonies.begin(known(), of_user(&ada), Timestamp(0));
        let victim = ceremonies.begin(step(), source(1), Timestamp(0));
        for source_number in 2..MOST_OF_ALL as u32 / 8 + 8 {
            for _ in 0..8 {
                ceremonies.begin(step(), source(source_number), Timestamp(1));
            }
        }
        {
            let table = ceremonies.0.lock().unwrap();
            let (begun, order) = (table.begun.len(), table.order.len());
            assert_eq!((begun, order, table.by.values().map(BTreeSet::len).sum()), (MOST_OF_ALL, begun, begun));
        }
        assert!(ceremonies.end(&mine, Timestamp(1)).is_some() && ceremonies.end(&victim, Timestamp(1)).is_some());
        ceremonies.begin(step(), source(1), Timestamp(CEREMONY_MS + 1));
        assert_eq!(ceremonies.0.lock().unwrap().order.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn what_an_authenticator_keeps_does_not_name_the_person() {
        let (ada, bob) = (UserId::from_random([1; 16]), UserId::from_random([2; 16]));
        assert_ne!(handle(&ada), handle(&bob));
        assert_eq!(handle(&ada), handle(&ada));
    }
}
