//! The server in process.

use crate::client_ca::ClientCa;
use crate::http::Answer;
use crate::idp::Idp;
use crate::people::{self, Person};
use crate::script::Script;
use medlock_audit::fault::{Fault, FaultDisk};
use medlock_audit::read::{Reader, StoredEntry};
use medlock_audit::{Log, Sealing};
use medlock_auth::{Auth, LocalOperator, Origin, PolicySource, Provider, SessionLimits};
use medlock_deid::{Detector, OnLeak};
use medlock_domain::{Clock, ManualClock, Timestamp};
use medlock_gateway::dev_ca::DevCa;
use medlock_gateway::{Gateway, GatewayConfig, Limits, Parts, QuotaRules};
use medlock_keys::keyring::{Data, Keyring};
use medlock_keys::period::PeriodKeys;
use medlock_keys::seal::DataKey;
use medlock_pipeline::admin::{Admin, By};
use medlock_pipeline::content_keys::{self, ContentKeys};
use medlock_pipeline::{Guard, OnOtherPatient, Relationships, Rules};
use medlock_review::Index;
use medlock_review::delivery::Deliveries;
use medlock_store::{Store, StoreKeys};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The log's name in tests.
pub const ORIGIN: &str = "medlock.test/log";
/// When tests begin.
const BEGIN: Timestamp = Timestamp(1_790_000_000_000);
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How the server is to be.
pub struct Builder {
    limits: Limits,
    quotas: QuotaRules,
    script: Script,
    detector: &'static Detector,
    rules: Rules,
    relationships: Option<Arc<dyn Relationships>>,
    failing: bool,
    idp: Option<Idp>,
    client_ca: Option<String>,
}

impl Default for Builder {
    fn default() -> Self {
        let limits = Limits { drain: Duration::from_secs(5), ..Limits::default() };
        let (script, detector) = (Script::default(), Detector::shared());
        Self {
            limits,
            quotas: QuotaRules::default(),
            script,
            detector,
            rules: Rules { on_leak: OnLeak::Redact, on_other_patient: OnOtherPatient::Flag },
            relationships: None,
            failing: false,
            idp: None,
            client_ca: None,
        }
    }
}

impl Builder {
    /// With other limits.
    #[must_use]
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// With so much for each.
    #[must_use]
    pub fn quotas(mut self, change: impl FnOnce(&mut QuotaRules)) -> Self {
        change(&mut self.quotas);
        self
    }

    /// With this model.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = script;
        self
    }

    /// With another detector, which lives as long as the tests.
    #[must_use]
    pub fn detector(mut self, detector: Detector) -> Self {
        self.detector = Box::leak(Box::new(detector));
        self
    }

    /// With another answer to identifiers that the model makes up.
    #[must_use]
    pub fn on_leak(mut self, on_leak: OnLeak) -> Self {
        self.rules.on_leak = on_leak;
        self
    }

    /// What becomes of requests that name another patient than the one declared.
    #[must_use]
    pub fn on_other_patient(mut self, what: OnOtherPatient) -> Self {
        self.rules.on_other_patient = what;
        self
    }

    /// With an account of who treats whom.
    #[must_use]
    pub fn relationships(mut self, kept: Arc<dyn Relationships>) -> Self {
        self.relationships = Some(kept);
        self
    }

    /// With programs that show certificates of this authority.
    #[must_use]
    pub fn client_ca(mut self, ca: &ClientCa) -> Self {
        self.client_ca = Some(ca.pem());
        self
    }

    /// With people who come from an identity provider.
    #[must_use]
    pub fn sso(mut self, idp: &Idp) -> Self {
        self.idp = Some(idp.clone());
        self
    }

    /// With a log in memory that [`Server::break_audit`] can make fail.
    #[must_use]
    pub fn failing_audit(mut self) -> Self {
        self.failing = true;
        self
    }

    /// Starts it, with a person of each role.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(self) -> Server {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(ManualClock::new(BEGIN));
        let keys = Keyring::create(&dir.path().join("keys")).expect("keys");
        let disk = self.failing.then(FaultDisk::new);
        let log = open_log(dir.path(), &keys, disk.as_ref(), clock.clone());
        let copy = |data| DataKey::from_bytes(*keys.data_key(data).expose());
        let store_keys = StoreKeys { seal: copy(Data::Store), mac: copy(Data::RowMac) };
        let store = Store::open(&dir.path().join("medlock.db"), store_keys).await.expect("a database");
        let holders = store.holders(copy(Data::Content));
        let auth =
            Auth::open(store, PolicySource::Shipped, clock.clone(), SessionLimits::default(), &Origin::localhost())
                .await
                .expect("the shipped policies are valid");
        if let Some(idp) = self.idp {
            let settings = idp.settings("https://localhost/login/sso/callback");
            auth.with_provider(Provider::new(settings, Arc::new(idp)));
        }
        let days = PeriodKeys::open(&dir.path().join("keys/days"), copy(Data::Content)).expect("keys of days");
        let content_keys = ContentKeys::new(holders, Arc::new(days));
        let mut admin = Admin::new(auth.clone(), log.clone()).with_content_keys(content_keys.clone(), Vec::new());
        // A log in memory has no files to find anything in.
        if disk.is_none() {
            let index = Index::open(&dir.path().join("audit-index.db"), &dir.path().join("audit")).await;
            admin = admin.with_index(index.expect("an index"));
        }
        let people = people::populate(&admin, &clock).await;
        let guard = Guard::new(
            auth.clone(),
            log.clone(),
            Arc::new(self.script.clone()),
            self.detector,
            content_keys.clone(),
            self.relationships,
            self.rules,
        );
        let ca = DevCa::create().expect("a CA");
        let pair = ca.issue_server(&["localhost", "127.0.0.1"]).expect("a certificate");
        let config = GatewayConfig {
            listen: ANY_PORT,
            cert_pem: pair.cert_pem,
            key_pem: pair.key_pem,
            client_ca_pem: self.client_ca,
            metrics_listen: Some(ANY_PORT),
            limits: self.limits,
            quotas: self.quotas,
        };
        let parts = Parts {
            guard,
            admin: admin.clone(),
            auth: auth.clone(),
            log: log.clone(),
            clock: clock.clone(),
            deliveries: Deliveries::default(),
        };
        let gateway = Gateway::bind(config, parts).expect("a free port");
        let (addr, metrics) = (gateway.local_addr().expect("an address"), gateway.metrics_addr());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(gateway.run(async {
            let _dropped = stopped.await;
        }));
        let client = client_builder(ca.cert_pem()).build().expect("a client");
        let ca_pem = ca.cert_pem().to_string();
        Server {
            dir,
            clock,
            keys,
            log,
            admin,
            auth,
            people,
            script: self.script,
            disk,
            addr,
            metrics,
            ca_pem,
            client,
            content_keys,
            stop: Some(stop),
            task: Some(task),
        }
    }
}

fn open_log(dir: &Path, keys: &Keyring, disk: Option<&FaultDisk>, clock: Arc<ManualClock>) -> Log {
    let signing = || keys.audit_signing().clone();
    match disk {
        None => {
            let dir = dir.join("audit");
            Log::create(&dir, ORIGIN, &signing()).expect("a log");
            let wrap = DataKey::from_bytes(*keys.data_key(Data::Content).expose());
            let days = PeriodKeys::open(&dir.with_file_name("keys").join("days"), wrap).expect("keys of days");
            let periods = Some(content_keys::periods(Arc::new(days)));
            let sealing = Sealing { reading: keys.reading_public().clone(), periods, keep: true };
            Log::open(&dir, signing(), sealing, clock)
        }
        Some(disk) => {
            Log::create_on(disk, ORIGIN, &signing()).expect("a log");
            Log::open_on(Box::new(disk.clone()), signing(), keys.reading_public().clone(), clock)
        }
    }
    .expect("a log")
}

fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").expect("a name")
}

fn client_builder(ca_pem: &str) -> reqwest::ClientBuilder {
    let _installed_before = medlock_gateway::provider().install_default();
    let ca = reqwest::Certificate::from_pem(ca_pem.as_bytes()).expect("a certificate");
    reqwest::Client::builder().tls_certs_only([ca]).no_proxy()
}

/// The whole server, with everything that a test wants to look at.
pub struct Server {
    dir: TempDir,
    clock: Arc<ManualClock>,
    keys: Keyring,
    log: Log,
    admin: Admin,
    auth: Auth,
    people: BTreeMap<&'static str, Person>,
    script: Script,
    disk: Option<FaultDisk>,
    addr: SocketAddr,
    metrics: Option<SocketAddr>,
    ca_pem: String,
    client: reqwest::Client,
    content_keys: ContentKeys,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    /// One with everything as usual.
    pub async fn start() -> Self {
        Builder::default().start().await
    }

    /// One with something unusual.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Its directory: `keys/`, `audit/`, `medlock.db`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its clock.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Its keys.
    pub fn keys(&self) -> &Keyring {
        &self.keys
    }

    /// Its log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Its administrative verbs.
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// The keys that its content is sealed under.
    pub fn content_keys(&self) -> &ContentKeys {
        &self.content_keys
    }

    /// Who is it, and may they.
    pub fn auth(&self) -> &Auth {
        &self.auth
    }

    /// Its model.
    pub fn script(&self) -> &Script {
        &self.script
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where its metrics are.
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// The certificate of its CA.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.addr.port())
    }

    /// A client that trusts its CA and no other.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// The same, to be changed first.
    pub fn client_builder(&self) -> reqwest::ClientBuilder {
        client_builder(&self.ca_pem)
    }

    /// The person of a role.
    ///
    /// # Panics
    /// When there is none.
    pub fn person(&self, role: &str) -> &Person {
        self.people.get(role).expect("one of testkit::ROLES")
    }

    /// The API key of a role's person.
    pub fn key(&self, role: &str) -> String {
        self.person(role).key.clone()
    }

    /// Logs a role's person in: the session's token. Moves the clock on, for a fresh one-time code.
    ///
    /// # Panics
    /// When the log-in fails.
    pub async fn session(&self, role: &str) -> String {
        self.clock.advance_ms(30_000);
        let person = self.person(role);
        let body = serde_json::json!({
            "username": person.username,
            "password": people::PASSWORD,
            "otp": person.totp.code_at(self.clock.now().seconds()),
        });
        let answer = self.send("POST", "/admin/v1/login", &[], body.to_string().into()).await;
        assert_eq!(answer.status, 200, "{role} cannot log in: {}", answer.text);
        answer.json()["token"].as_str().expect("a token").to_string()
    }

    /// A key that has ended.
    pub async fn expired_key(&self) -> String {
        let owner = self.person("clinician").id.clone();
        let (_, key) = people::key(&self.admin, &self.clock, &owner, "clinician", 60_000).await;
        self.clock.advance_ms(120_000);
        key
    }

    /// A key that was revoked.
    ///
    /// # Panics
    /// When it cannot be revoked.
    pub async fn revoked_key(&self) -> String {
        let owner = self.person("clinician").id.clone();
        let (id, key) = people::key(&self.admin, &self.clock, &owner, "clinician", 3_600_000).await;
        self.admin.revoke_key(By::Operator(&LocalOperator::new()), &id).await.expect("a key can be revoked");
        key
    }

    /// The key of somebody who has been shut out.
    ///
    /// # Panics
    /// When they cannot be shut out.
    pub async fn disabled_persons_key(&self) -> String {
        let person = people::make(&self.admin, &self.clock, "shut-out", "clinician").await;
        self.admin.disable_user(By::Operator(&LocalOperator::new()), &person.id, None).await.expect("can be shut out");
        person.key
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let method = method.parse().expect("a method");
        let mut request = self.client.request(method, self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body);
        }
        Answer::read(request.send().await.expect("an answer")).await
    }

    /// The same, with a credential.
    pub async fn request(
        &self,
        method: &str,
        path: &str,
        credential: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let bearer = format!("Bearer {credential}");
        let headers: Vec<_> = headers.iter().copied().chain([("authorization", bearer.as_str())]).collect();
        self.send(method, path, &headers, body).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str, credential: &str) -> Answer {
        self.request("GET", path, credential, &[], Vec::new()).await
    }

    /// `POST`.
    pub async fn post(&self, path: &str, credential: &str, body: Vec<u8>) -> Answer {
        self.request("POST", path, credential, &[], body).await
    }

    /// A chat request of the clinician's.
    pub async fn chat(&self, body: &Value) -> Answer {
        self.post("/v1/chat/completions", &self.key("clinician"), body.to_string().into()).await
    }

    /// A request just as it is spelled here, and the answer just as it came.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn raw(&self, method: &str, target: &str, headers: &str) -> String {
        let mut tls = self.tls(&[]).await;
        let request = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n");
        tls.write_all(request.as_bytes()).await.expect("a connection");
        let mut answer = Vec::new();
        let _unclean = tls.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// What is counted, as Prometheus reads it, with the head of the answer.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn metrics(&self) -> String {
        let mut socket = TcpStream::connect(self.metrics.expect("a metrics port")).await.expect("a connection");
        let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        socket.write_all(request).await.expect("a connection");
        let mut text = String::new();
        socket.read_to_string(&mut text).await.expect("text");
        text
    }

    /// A connection that trusts the server's CA, for bytes of the test's own.
    ///
    /// # Panics
    /// When there is none.
    pub async fn tls(&self, alpn: &[&[u8]]) -> TlsStream<TcpStream> {
        let socket = TcpStream::connect(self.addr).await.expect("a connection");
        self.connector(alpn).connect(server_name(), socket).await.expect("TLS")
    }

    /// Makes such connections from an address of this machine, or fails to.
    pub async fn tls_from(&self, connector: &TlsConnector, from: IpAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(from, 0))?;
        connector.connect(server_name(), socket.connect(self.addr).await?).await
    }

    /// Makes a connection into which little fits that is not read.
    ///
    /// # Panics
    /// When there is none.
    pub async fn tls_narrow(&self) -> TlsStream<TcpStream> {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a size");
        let socket = socket.connect(self.addr).await.expect("a connection");
        self.connector(&[]).connect(server_name(), socket).await.expect("TLS")
    }

    /// What makes connections that trust the server's CA.
    ///
    /// # Panics
    /// When the CA's certificate is none.
    pub fn connector(&self, alpn: &[&[u8]]) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        let ca = CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).expect("a certificate");
        roots.add(ca).expect("a certificate");
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(medlock_gateway::provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|p| p.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// What is in the log, in order.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn entries(&self) -> Vec<StoredEntry> {
        let reader = match &self.disk {
            None => Reader::open(&self.dir.path().join("audit")),
            Some(disk) => Reader::open_on(Box::new(disk.clone())),
        };
        reader.expect("a log").map(|e| e.expect("an entry")).collect()
    }

    /// The records of one kind.
    pub fn records(&self, kind: &str) -> Vec<StoredEntry> {
        self.entries().into_iter().filter(|e| e.kind.as_str() == kind).collect()
    }

    /// How many records of one kind there are.
    pub fn count(&self, kind: &str) -> usize {
        self.records(kind).len()
    }

    /// The disk under its log, when it was built with [`Builder::failing_audit`].
    pub fn disk(&self) -> Option<&FaultDisk> {
        self.disk.as_ref()
    }

    /// From now on nothing can be recorded.
    ///
    /// # Panics
    /// When it was not built with [`Builder::failing_audit`].
    pub fn break_audit(&self) {
        self.disk.as_ref().expect("built with failing_audit").fail_always(Fault::InputOutput);
    }

    /// Stops it, and waits until it has. What it wrote can still be read.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take() {
            let _aborted = task.await;
        }
    }
}
