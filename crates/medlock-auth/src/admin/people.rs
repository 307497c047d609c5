//! People: who there is, which roles they have, whether they are let in.

use super::taken;
use crate::error::AuthError;
use crate::factor;
use crate::login::FAILURES_DISABLE;
use crate::password_rules;
use crate::permit::{AdminAction, AdminPermit};
use crate::service::Auth;
use medlock_domain::{RoleName, Timestamp, UserId, Username};
use medlock_keys::password::{self, Secret};
use medlock_keys::random;
use medlock_keys::totp::TotpSecret;
use medlock_store::UserRow;
use zeroize::Zeroizing;

const ISSUER: &str = "medlock";
/// The role that administers, by the shipped policies and for the rule that one has to remain.
const ADMIN: &str = "admin";

/// A person to be added.
#[derive(Debug)]
pub struct NewUser {
    /// What they will log in with.
    pub username: Username,
    /// Their first password.
    pub password: Secret,
    /// What they may.
    pub roles: Vec<RoleName>,
}

/// The shared secret of one-time codes, and what helps who has lost it: shown once, to the person whom it belongs to.
pub struct Enrolment {
    /// In base 32, to be typed.
    pub secret: Zeroizing<String>,
    /// The same, to be scanned.
    pub otpauth_url: Zeroizing<String>,
    /// Each stands in for a one-time code, once.
    pub recovery_codes: Vec<Secret>,
}

impl Enrolment {
    /// The recovery codes as text.
    pub fn codes(&self) -> Vec<&str> {
        self.recovery_codes.iter().map(Secret::expose).collect()
    }
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Enrolment(…)")
    }
}

/// A person who was added.
#[derive(Debug)]
pub struct CreatedUser {
    /// For life.
    pub id: UserId,
    /// What they log in with.
    pub username: Username,
    /// What they may.
    pub roles: Vec<RoleName>,
    /// Their second factor.
    pub enrolment: Enrolment,
}

/// Whether somebody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    /// Yes.
    Enabled,
    /// Somebody shut them out.
    Disabled,
    /// Too many failures in a row did.
    Locked,
}

/// A person, in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserInfo {
    /// For life.
    pub id: UserId,
    /// What they log in with.
    pub username: Username,
    /// What they may.
    pub roles: Vec<RoleName>,
    /// What they may for a while, and until when.
    pub temporary: Vec<(RoleName, Timestamp)>,
    /// Whether they are let in.
    pub state: UserState,
    /// Whether they have a second factor.
    pub has_factor: bool,
    /// Recovery codes that are left.
    pub recovery_codes: u32,
    /// Passkeys of theirs.
    pub passkeys: usize,
    /// When they were added.
    pub created: Timestamp,
}

impl Auth {
    /// Adds a person, with a second factor.
    ///
    /// # Errors
    /// The password is too easy, the name is taken, or no policy knows a role.
    pub async fn create_user(&self, by: &AdminPermit, new: NewUser, log_index: u64) -> Result<CreatedUser, AuthError> {
        self.usable(by, &[AdminAction::UsersManage])?;
        let roles = self.known_roles(new.roles)?;
        let password_phc = self.new_hash(&new.username, new.password).await?;
        let totp = TotpSecret::generate();
        let row = UserRow {
            id: UserId::from_random(random::bytes()),
            username: new.username,
            roles,
            created: self.now(),
            disabled: false,
            by_provider: false,
            password_phc,
            totp: Some(sealed_bytes(&totp)),
            log_index,
        };
        let _one_at_a_time = self.0.changing.lock().await;
        self.0.store.insert_user(&row).await.map_err(taken("user"))?;
        let enrolment = self.enrolment(&totp, &row).await?;
        Ok(CreatedUser { id: row.id, username: row.username, roles: row.roles, enrolment })
    }

    /// Everybody, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_users(&self, by: &AdminPermit) -> Result<Vec<UserInfo>, AuthError> {
        self.usable(by, &[AdminAction::UsersList, AdminAction::UsersManage])?;
        let mut list = Vec::new();
        for user in self.0.store.users().await? {
            let counters = self.0.store.user_counters(&user.id).await?;
            let state = match counters {
                _ if user.disabled => UserState::Disabled,
                Some(c) if c.failures >= FAILURES_DISABLE => UserState::Locked,
                _ => UserState::Enabled,
            };
            let has_factor = user.totp.is_some();
            let recovery_codes = self.0.store.recovery_codes_left(&user.id).await?;
            let passkeys = self.0.store.passkeys(&user.id).await?.len();
            let temporary = self.0.grants.held(&user.id, self.now());
            let UserRow { id, username, roles, created, .. } = user;
            list.push(UserInfo {
                id,
                username,
                roles,
                temporary,
                state,
                has_factor,
                recovery_codes,
                passkeys,
                created,
            });
        }
        Ok(list)
    }

    /// Gives a person these roles and no others: what they held for a while ends. What they have running is cut.
    ///
    /// # Errors
    /// [`AuthError::LastAdmin`] when nobody would be left to administer.
    pub async fn set_roles(
        &self,
        by: &AdminPermit,
        user: &UserId,
        roles: Vec<RoleName>,
        log_index: u64,
    ) -> Result<(), AuthError> {
        let roles = self.known_roles(roles)?;
        self.change(by, user, log_index, Ends::Grants, |row| row.roles = roles).await.map(drop)
    }

    /// Shuts a person out: sessions and what they held for a while end, keys of theirs are refused, what runs is cut.
    ///
    /// # Errors
    /// [`AuthError::LastAdmin`] when nobody would be left to administer.
    pub async fn disable_user(&self, by: &AdminPermit, user: &UserId, log_index: u64) -> Result<(), AuthError> {
        self.change(by, user, log_index, Ends::Sessions, |row| (row.disabled, row.by_provider) = (true, false))
            .await
            .map(drop)
    }

    /// Lets a person in again.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn enable_user(&self, by: &AdminPermit, user: &UserId, log_index: u64) -> Result<(), AuthError> {
        self.change(by, user, log_index, Ends::Nothing, |row| (row.disabled, row.by_provider) = (false, false))
            .await
            .map(drop)
    }

    /// Gives a person a new second factor in place of all that they had, passkeys among it, and clears a lock-out. Their
    /// sessions end.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn enrol_totp(&self, by: &AdminPermit, user: &UserId, log_index: u64) -> Result<Enrolment, AuthError> {
        let totp = TotpSecret::generate();
        let bytes = sealed_bytes(&totp);
        let row = self.change(by, user, log_index, Ends::SessionsAndPasskeys, |row| row.totp = Some(bytes)).await?;
        self.lift(&row).await?;
        self.enrolment(&totp, &row).await
    }

    /// Gives whoever holds the permit new recovery codes of their own in place of those they had.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn new_recovery_codes(&self, by: &AdminPermit, log_index: u64) -> Result<Vec<Secret>, AuthError> {
        self.usable(by, &[AdminAction::OwnCredentials])?;
        let holder = by.holder.as_ref().ok_or(AuthError::NotFound("user"))?;
        let (codes, digests) = factor::new_recovery_codes(&holder.user);
        self.0.store.replace_recovery_codes(&holder.user, &digests, log_index).await?;
        Ok(codes)
    }

    async fn enrolment(&self, totp: &TotpSecret, row: &UserRow) -> Result<Enrolment, AuthError> {
        let (recovery_codes, digests) = factor::new_recovery_codes(&row.id);
        self.0.store.replace_recovery_codes(&row.id, &digests, row.log_index).await?;
        let otpauth_url = totp.otpauth_url(ISSUER, row.username.as_str());
        Ok(Enrolment { secret: totp.base32(), otpauth_url, recovery_codes })
    }

    /// Gives a person a new password, and clears a lock-out. Their sessions end.
    ///
    /// # Errors
    /// The password is too easy, or there is no such person.
    pub async fn set_password(
        &self,
        by: &AdminPermit,
        user: &UserId,
        password: Secret,
        log_index: u64,
    ) -> Result<(), AuthError> {
        self.usable(by, &[AdminAction::UsersManage])?;
        let name = self.existing(user).await?.username;
        let phc = self.new_hash(&name, password).await?;
        let row = self.change(by, user, log_index, Ends::Sessions, |row| row.password_phc = phc).await?;
        self.lift(&row).await
    }

    async fn lift(&self, row: &UserRow) -> Result<(), AuthError> {
        self.0.throttle.lift(row.username.as_str());
        Ok(self.0.store.clear_failures(&row.id).await?)
    }

    async fn new_hash(&self, user: &Username, password: Secret) -> Result<String, AuthError> {
        password_rules::acceptable(user, &password)?;
        self.hashed(move || password::hash(&password)).await.ok_or(AuthError::Interrupted)
    }

    /// Changes a person's row, ends what belongs to the change, and cuts what runs:
    /// all of it, even when the caller goes away meanwhile.
    async fn change(
        &self,
        by: &AdminPermit,
        user: &UserId,
        log_index: u64,
        ends: Ends,
        edit: impl FnOnce(&mut UserRow) + Send + 'static,
    ) -> Result<UserRow, AuthError> {
        self.usable(by, &[AdminAction::UsersManage])?;
        self.change_row(user, log_index, ends, edit).await
    }

    /// The same for what the identity provider says.
    pub(crate) async fn change_row(
        &self,
        user: &UserId,
        log_index: u64,
        ends: Ends,
        edit: impl FnOnce(&mut UserRow) + Send + 'static,
    ) -> Result<UserRow, AuthError> {
        let (auth, user) = (self.clone(), user.clone());
        Self::whole(async move {
            let _one_at_a_time = auth.0.changing.lock().await;
            let mut row = auth.existing(&user).await?;
            let (administered, before) = (administers(&row), row.clone());
            edit(&mut row);
            let grants = matches!(ends, Ends::Grants) && !auth.0.grants.held(&user, auth.now()).is_empty();
            if row == before && !grants && matches!(ends, Ends::Nothing | Ends::Grants) {
                // Nothing is different: nobody's work is cut for it.
                return Ok(row);
            }
            row.log_index = log_index;
            if administered && !administers(&row) && !auth.another_admin(&user).await? {
                return Err(AuthError::LastAdmin);
            }
            // First, so that a crash in between leaves them with less.
            let ended = match grants || row.disabled || row.roles != before.roles {
                true => auth.end_approvals_of(&user, log_index).await,
                false => Ok(()),
            };
            let written = auth.0.store.update_user(&row).await;
            // Even when the write failed: it may have been written all the same, and a person who
            // has to log in again is the lesser harm.
            let now = auth.now();
            auth.0.standing.note(user.as_str(), now);
            if !written? {
                return Err(AuthError::NotFound("user"));
            }
            ended?;
            if matches!(ends, Ends::SessionsAndPasskeys) {
                // Whoever is adding one waits for the lock, and then has no permit that holds.
                auth.0.store.delete_passkeys(&user).await?;
            }
            // A crash here leaves sessions that a disabled person cannot use, and that somebody
            // with a new factor could until they idle out.
            if matches!(ends, Ends::Sessions | Ends::SessionsAndPasskeys) {
                for s in auth.0.store.live_sessions(now).await?.into_iter().filter(|s| s.user == user) {
                    auth.cut_session(&s.id).await?;
                }
            }
            Ok(row)
        })
        .await
    }

    async fn another_admin(&self, than: &UserId) -> Result<bool, AuthError> {
        Ok(self.0.store.users().await?.iter().any(|u| u.id != *than && administers(u)))
    }
}

/// What ends with a change of somebody's row. What they hold for a while ends with every change of roles as well, and
/// when they are shut out.
pub(crate) enum Ends {
    Nothing,
    Grants,
    Sessions,
    SessionsAndPasskeys,
}

fn administers(user: &UserRow) -> bool {
    !user.disabled && user.roles.iter().any(|r| r.as_str() == ADMIN)
}

fn sealed_bytes(totp: &TotpSecret) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(totp.bytes().to_vec())
}
