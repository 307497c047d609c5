//! Programs that show a certificate, or a token of the identity provider's, instead of a secret of ours.

use medlock_domain::Clock;
use serde_json::{Value, json};
use testkit::{AUDIENCE, Answer, ClientCa, ISSUER, Idp, MODEL, PASSWORD, Server};

const URI: &str = "spiffe://hospital.example/batch";

/// Makes a key that is bound to something.
async fn bound(server: &Server, binding: &str) -> Answer {
    let admin = server.session("admin").await;
    let owner = server.person("service").id.to_string();
    let key = json!({"name": "batch", "owner": owner, "roles": ["service"], "purposes": ["treatment"],
                     "bound_to": binding, "expires_in_days": 30});
    server.post("/admin/v1/keys", &admin, key.to_string().into()).await
}

fn shows(server: &Server, pem: &str) -> reqwest::Client {
    let identity = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
    server.client_builder().identity(identity).build().unwrap()
}

async fn who(server: &Server, client: &reqwest::Client) -> Answer {
    Answer::read(client.get(server.url("/admin/v1/whoami")).send().await.unwrap()).await
}

/// The fingerprint, as `openssl x509 -fingerprint -sha256` prints it.
fn fingerprint(pem: &str) -> String {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let digest = medlock_keys::digest::sha256(&[&der]);
    format!("sha256:{}", digest.map(|byte| format!("{byte:02X}")).join(":"))
}

#[tokio::test]
async fn a_program_is_known_by_a_uri_of_its_certificate() {
    let (ca, other) = (ClientCa::new(), ClientCa::new());
    let server = Server::builder().client_ca(&ca).start().await;
    let batch = shows(&server, &ca.issue(URI, false));
    assert_eq!(who(&server, &batch).await.status, 401, "nobody's yet");
    let made = bound(&server, &format!("uri:{URI}")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.json()["key"].is_null());
    let me = who(&server, &batch).await.json();
    assert_eq!(
        (&me["actor"], &me["roles"]),
        (&json!(format!("machine:{}", made.json()["id"].as_str().unwrap())), &json!(["service"]))
    );
    let body = json!({"model": testkit::MODEL, "messages": [{"role": "user", "content": "A cough?"}]});
    let chat = batch.post(server.url("/v1/chat/completions")).json(&body).send().await.unwrap();
    assert_eq!(chat.status(), 200);

    let elsewhere = shows(&server, &ca.issue("spiffe://hospital.example/other", false));
    assert_eq!(who(&server, &elsewhere).await.status, 401, "another program");
    assert_eq!(who(&server, server.client()).await.status, 401, "none shown");
    for stranger in [other.issue(URI, false), ca.issue(URI, true)] {
        let client = shows(&server, &stranger);
        assert!(client.get(server.url("/admin/v1/whoami")).send().await.is_err(), "of no authority of ours, or over");
    }
    assert_eq!(bound(&server, &format!("uri:{URI}")).await.status, 400, "one program, one key");
    let admin = server.session("admin").await;
    let path = format!("/admin/v1/keys/{}", made.json()["id"].as_str().unwrap());
    let rotated = server.post(&format!("{path}/rotate"), &admin, b"{}".to_vec()).await;
    assert_eq!(rotated.status, 400, "{}", rotated.text);
    assert_eq!(server.request("DELETE", &path, &admin, &[], vec![]).await.status, 204);
    assert_eq!(who(&server, &batch).await.status, 401, "revoked");
    // Certificates are not asked for where no authority is named.
    let plain = Server::start().await;
    assert_eq!(who(&plain, &shows(&plain, &ca.issue(URI, false))).await.status, 401);
}

#[tokio::test]
async fn a_program_is_known_by_the_fingerprint_of_its_certificate() {
    let ca = ClientCa::new();
    let server = Server::builder().client_ca(&ca).start().await;
    let (mine, renewed) = (ca.issue(URI, false), ca.issue(URI, false));
    let made = bound(&server, &fingerprint(&mine)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(who(&server, &shows(&server, &mine)).await.status, 200);
    assert_eq!(who(&server, &shows(&server, &renewed)).await.status, 401, "that one only");
}

#[tokio::test]
async fn a_session_that_began_with_a_certificate_is_worth_nothing_without_it() {
    let ca = ClientCa::new();
    let server = Server::builder().client_ca(&ca).start().await;
    let (mine, other) = (ca.issue("urn:workstation:7", false), ca.issue("urn:workstation:8", false));
    server.clock().advance_ms(30_000);
    let otp = server.person("clinician").totp.code_at(server.clock().now().seconds());
    let body = json!({"username": "clinician", "password": PASSWORD, "otp": otp});
    let workstation = shows(&server, &mine);
    let begun = workstation.post(server.url("/admin/v1/login")).json(&body).send().await.unwrap();
    let token = begun.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let with = async |client: &reqwest::Client| {
        client.get(server.url("/admin/v1/whoami")).bearer_auth(&token).send().await.unwrap().status().as_u16()
    };
    assert_eq!(with(&workstation).await, 200);
    assert_eq!(with(server.client()).await, 401, "taken away from it");
    assert_eq!(with(&shows(&server, &other)).await, 401, "to another workstation");
    assert_eq!(with(&workstation).await, 200);
    // One that began without has no such bond.
    let free = server.session("researcher").await;
    let request = workstation.get(server.url("/admin/v1/whoami")).bearer_auth(&free);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_program_is_known_by_a_token_of_the_identity_provider() {
    let idp = Idp::default();
    let server = Server::builder().sso(&idp).limits(|l| l.failed_auth_per_minute = 1000).start().await;
    let now = server.clock().now().seconds();
    let claims = json!({"iss": ISSUER, "sub": "batch", "aud": AUDIENCE, "iat": now, "exp": now + 300, "azp": "batch"});
    let good = idp.token(&claims);
    assert_eq!(server.get("/admin/v1/whoami", &good).await.status, 401, "nobody's yet");
    let made = bound(&server, "sub:batch").await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(server.get("/admin/v1/whoami", &good).await.json()["roles"], json!(["service"]));
    for (name, value) in [
        ("aud", json!("medlock")),
        ("aud", json!(null)),
        ("iss", json!("https://idp.evil")),
        ("sub", json!("somebody")),
        ("sub", json!(null)),
        ("exp", json!(now - 3600)),
        ("exp", json!(null)),
        ("nbf", json!(now + 3600)),
        ("nonce", json!("of a log-in")),
    ] {
        let mut claims = claims.clone();
        claims[name] = value.clone();
        assert_eq!(server.get("/admin/v1/whoami", &idp.token(&claims)).await.status, 401, "{name} {value}");
    }
    for token in [
        Idp::default().token(&claims),
        idp.signed(&json!({"alg": "none"}), &claims),
        idp.signed(&json!({"alg": "HS256", "kid": "shared"}), &claims),
        format!("{good}x"),
        good[..good.len() - 4].to_owned(),
    ] {
        assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401);
    }
    server.clock().advance_ms(6 * 60_000);
    assert_eq!(server.get("/admin/v1/whoami", &good).await.status, 401, "over");
    let without = Server::start().await;
    assert_eq!(without.get("/admin/v1/whoami", &good).await.status, 401, "no provider");
}

#[tokio::test]
async fn a_token_for_one_patient_is_for_nobody_else() {
    let idp = Idp::default();
    let server = Server::builder().sso(&idp).start().await;
    let now = server.clock().now().seconds();
    let token = |patient: serde_json::Value| {
        idp.token(
            &json!({"iss": ISSUER, "sub": "batch", "aud": AUDIENCE, "iat": now, "exp": now + 300, "patient": patient}),
        )
    };
    assert_eq!(bound(&server, "sub:batch").await.status, 201);
    let ask = async |patient: serde_json::Value, header: Option<&str>| {
        let headers: Vec<(&str, &str)> = header.iter().map(|h| ("x-medlock-patient", *h)).collect();
        let note = "Patient John Smith, MRN 48213377, was seen for a cough.";
        let body = json!({"model": MODEL, "messages": [{"role": "user", "content": note}]}).to_string();
        let answer = server.request("POST", "/v1/chat/completions", &token(patient), &headers, body.into()).await;
        (answer.status.as_u16(), answer.header("x-medlock-patient-agreement").to_owned())
    };
    assert_eq!(ask(json!("48213377"), None).await, (200, "same".into()), "it declares them");
    assert_eq!(ask(json!("48213377"), Some("Patient/48213377")).await, (200, "same".into()));
    assert_eq!(ask(json!("5550001"), None).await, (200, "other".into()));
    assert_eq!(ask(json!("48213377"), Some("5550001")).await.0, 400);
    assert_eq!(ask(json!("---"), None).await.0, 401);
    assert_eq!(ask(json!(48213377), None).await.0, 401, "what is not understood is refused");
    assert!(!server.entries().iter().any(|e| e.facts.iter().any(|(_, fact)| fact.to_string().contains("48213377"))));
}

#[tokio::test]
async fn whose_certificate_or_session_is_used_elsewhere_is_a_record() {
    let ca = ClientCa::new();
    let server = Server::builder().client_ca(&ca).start().await;
    let admin = server.session("admin").await;
    let owner = server.person("service").id.to_string();
    let key = json!({"name": "batch", "owner": owner, "roles": ["service"], "purposes": ["treatment"],
                     "bound_to": format!("uri:{URI}"), "networks": ["192.0.2.0/24"], "expires_in_days": 30});
    let made = server.post("/admin/v1/keys", &admin, key.to_string().into()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let batch = shows(&server, &ca.issue(URI, false));
    assert_eq!(who(&server, &batch).await.status, 401);
    let alert = |word: &str| {
        let of = |e: &medlock_audit::read::StoredEntry| medlock_review::alert::of(e) == Some(word);
        server.entries().into_iter().find(of).map(|e| e.facts)
    };
    let facts = alert("key_from_wrong_network").expect("an alert");
    assert_eq!(facts.word("key"), made.json()["id"].as_str());

    let workstation = shows(&server, &ca.issue("spiffe://hospital.example/desk", false));
    let person = server.person("researcher");
    let code = person.totp.code_at(server.clock().now().seconds());
    let body = json!({"username": person.username, "password": PASSWORD, "otp": code});
    let begun = workstation.post(server.url("/admin/v1/login")).json(&body).send().await.unwrap();
    let token = Answer::read(begun).await.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/admin/v1/whoami", &token).await.status, 401);
    assert_eq!(alert("session_without_its_certificate").expect("an alert").word("user"), Some(person.id.as_str()));
}
