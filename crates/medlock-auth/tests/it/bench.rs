//! Not a benchmark: the bench that the tests work at.

use medlock_auth::{
    AdminAction, AdminPermit, Ask, Auth, ChatAction, CreatedKey, Credential, LocalOperator, LoginFailure, NewKey,
    NewSession, NewUser, Origin, PolicySource, Principal, SessionLimits,
};
use medlock_domain::{Clock, ManualClock, NetworkSource, Purpose, RoleName, Timestamp, UserId};
use medlock_keys::password::Secret;
use medlock_keys::seal::DataKey;
use medlock_keys::totp::TotpSecret;
use medlock_store::{Store, StoreKeys};
use std::sync::Arc;

pub(crate) const MINUTE: i64 = 60_000;
pub(crate) const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const PASSWORD: &str = "zvtrkplw qhx";

pub(crate) struct Bench {
    pub(crate) auth: Auth,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    dir: tempfile::TempDir,
}

pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) name: String,
    pub(crate) totp: TotpSecret,
    pub(crate) recovery: Vec<String>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(PolicySource::Shipped).await
    }

    pub(crate) async fn with(policy: PolicySource) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000)));
        let store = open_store(dir.path()).await;
        let auth = Auth::open(store.clone(), policy, clock.clone(), SessionLimits::default(), &Origin::localhost())
            .await
            .unwrap();
        Self { auth, store, clock, dir }
    }

    /// The same files and clock, another process.
    pub(crate) async fn restarted(self) -> Self {
        self.store.close().await;
        let store = open_store(self.dir.path()).await;
        let clock = self.clock.clone();
        let auth =
            Auth::open(store.clone(), PolicySource::Shipped, clock, SessionLimits::default(), &Origin::localhost())
                .await
                .unwrap();
        Self { auth, store, ..self }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn person(&self, name: &str, roles: &[&str]) -> Person {
        let new = NewUser { username: name.parse().unwrap(), password: Secret::new(PASSWORD), roles: names(roles) };
        let made = self.auth.create_user(&operator(AdminAction::UsersManage), new, 7).await.unwrap();
        let totp = TotpSecret::from_base32(&made.enrolment.secret).unwrap();
        let recovery = made.enrolment.codes().into_iter().map(String::from).collect();
        Person { id: made.id, name: name.into(), totp, recovery }
    }

    pub(crate) async fn key(&self, owner: &Person, roles: &[&str], purposes: &[Purpose]) -> CreatedKey {
        let new = self.new_key(owner, roles, purposes);
        self.auth.create_key(&operator(AdminAction::KeysManage), new, 8).await.unwrap()
    }

    pub(crate) fn new_key(&self, owner: &Person, roles: &[&str], purposes: &[Purpose]) -> NewKey {
        NewKey {
            name: "nightly".into(),
            owner: owner.id.clone(),
            roles: names(roles),
            purposes: purposes.to_vec(),
            models: Vec::new(),
            networks: Vec::new(),
            bound: None,
            expires: self.now().plus_ms(30 * DAY),
        }
    }

    pub(crate) async fn log_in(&self, who: &Person) -> Result<NewSession, LoginFailure> {
        let code = who.totp.code_at(self.now().seconds());
        self.auth.log_in(&who.name, Secret::new(PASSWORD), Some(Secret::new(code)), here()).await
    }

    pub(crate) async fn by_token(&self, token: &Secret) -> Result<Principal, medlock_auth::AuthFailure> {
        self.auth.authenticate(Credential::from_bearer(Secret::new(token.expose())), here()).await
    }
}

async fn open_store(dir: &std::path::Path) -> Store {
    let keys = StoreKeys { seal: DataKey::from_bytes([1; 32]), mac: DataKey::from_bytes([2; 32]) };
    Store::open(&dir.join("medlock.db"), keys).await.unwrap()
}

pub(crate) fn here() -> NetworkSource {
    NetworkSource("192.0.2.7".parse().unwrap())
}

pub(crate) fn operator(action: AdminAction) -> AdminPermit {
    LocalOperator::new().permit(action)
}

pub(crate) fn names(roles: &[&str]) -> Vec<RoleName> {
    roles.iter().map(|r| r.parse().unwrap()).collect()
}

pub(crate) fn ask(purpose: Option<Purpose>) -> Ask {
    Ask {
        action: ChatAction::Chat,
        model: "smollm2-135m-instruct".parse().unwrap(),
        model_local: true,
        purpose,
        at_least: None,
        patient: None,
        relation: Default::default(),
    }
}
