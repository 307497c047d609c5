//! Every door of the route table, with everybody who should not get in.

use medlock_gateway::{Access, ROUTES, Route};
use testkit::{Answer, Server};

/// A path of this route that could exist.
fn path(route: &Route) -> String {
    let id = match route.path {
        p if p.contains("/users/") || p.contains("/Users/") => "usr_00000000000000000000000000",
        p if p.contains("/keys/") => "key_00000000000000000000000000",
        p if p.contains("/break-glass/") => "emg_00000000000000000000000000",
        p if p.contains("/approvals/") => "apr_00000000000000000000000000",
        p if p.contains("/passkeys/") => "psk_00000000000000000000000000",
        p if p.contains("/sessions/") => "ses_00000000000000000000000000",
        _ => testkit::MODEL,
    };
    let request = "req_00000000000000000000000000";
    route.path.replace("{id}", id).replace("{request}", request).replace("{number}", "1")
}

/// A body that would be taken from somebody who may.
fn body(route: &Route) -> &'static str {
    match (route.method, route.path) {
        ("POST", "/admin/v1/users") => {
            r#"{"username": "new", "password": "correct horse battery staple 9", "roles": ["researcher"]}"#
        }
        ("POST", "/admin/v1/keys") => {
            r#"{"name": "new", "roles": ["researcher"], "purposes": ["research"], "expires_in_days": 3}"#
        }
        ("PUT", "/admin/v1/users/{id}/password") => r#"{"password": "correct horse battery staple 9"}"#,
        ("POST", "/scim/v2/Users") => r#"{"userName": "new"}"#,
        ("POST", path) if path.ends_with("/.search") => "{}",
        ("PATCH", _) => r#"{"Operations": [{"op": "replace", "path": "active", "value": false}]}"#,
        ("PUT", _) => r#"{"roles": ["researcher"]}"#,
        ("POST", "/admin/v1/audit/search") => r#"{"kind": "open"}"#,
        ("POST", "/admin/v1/audit/erase" | "/admin/v1/audit/holds") => r#"{"patient": "1", "reason": "legal"}"#,
        ("POST", "/admin/v1/audit/reconstruct") => "{}",
        ("POST", "/admin/v1/audit/disclosures") => r#"{"patient": "1"}"#,
        ("POST", "/admin/v1/audit/reviews") => r#"{"from_day": "2026-01-01", "to_day": "2026-01-02"}"#,
        ("POST", "/admin/v1/audit/reviews/{number}/sign") => {
            r#"{"verdict": "clean", "sha256": "0000000000000000000000000000000000000000000000000000000000000000"}"#
        }
        ("POST", "/admin/v1/break-glass" | "/admin/v1/break-glass/drill") => r#"{"reason": "care"}"#,
        ("POST", "/admin/v1/approvals") => r#"{"role": "auditor", "hours": 1, "reason": "review"}"#,
        ("POST", path) if path.starts_with("/admin/v1/models/") => "{}",
        ("POST", "/admin/v1/recertifications") => r#"{"days": 30}"#,
        ("POST", "/admin/v1/recertifications/latest/keep") => r#"{"user": "usr_00000000000000000000000000"}"#,
        ("POST", "/admin/v1/break-glass/{id}/review") => r#"{"verdict": "clean"}"#,
        ("POST", "/admin/v1/passkeys") => {
            r#"{"ceremony": "cer_00000000000000000000000000", "name": "new", "credential": {"id": "AA", "rawId": "AA",
                "type": "public-key", "response": {"attestationObject": "AA", "clientDataJSON": "AA"}}}"#
        }
        ("POST", path) if path.starts_with("/admin/v1/audit/") => r#"{"reason": "legal"}"#,
        ("POST", "/v1/chat/completions") => r#"{"model": "script-1", "messages": [{"role": "user", "content": "hi"}]}"#,
        _ => "",
    }
}

async fn knock(server: &Server, route: &Route, credential: &[(&str, &str)]) -> Answer {
    server.send(route.method, &path(route), credential, body(route).into()).await
}

#[tokio::test]
async fn nobody_gets_through_any_door_without_a_good_credential() {
    let server = Server::builder().limits(|l| l.failed_auth_per_minute = 10_000).start().await;
    let expired = server.expired_key().await;
    let revoked = server.revoked_key().await;
    let disabled = server.disabled_persons_key().await;
    let good = server.key("clinician");
    let cut = &good[..good.len() - 1];
    let bearer = |token: &str| format!("Bearer {token}");
    let strangers: Vec<(&str, Vec<(&str, String)>)> = vec![
        ("nobody", vec![]),
        ("an unknown key", vec![("authorization", bearer("sk-medlock-nobody"))]),
        ("an unknown session", vec![("authorization", bearer("ses-0000000000000000000000"))]),
        ("a key cut short", vec![("authorization", bearer(cut))]),
        ("an expired key", vec![("authorization", bearer(&expired))]),
        ("a revoked key", vec![("x-api-key", revoked)]),
        ("the key of a disabled person", vec![("authorization", bearer(&disabled))]),
        ("a good key under another scheme", vec![("authorization", format!("Basic {good}"))]),
        ("two credentials", vec![("authorization", bearer(&good)), ("x-api-key", "sk-medlock-other".into())]),
        ("SQL", vec![("authorization", bearer("' OR '1'='1"))]),
    ];
    for route in ROUTES.iter().filter(|r| !matches!(r.access, Access::Public(_))) {
        for (who, credential) in &strangers {
            let credential: Vec<(&str, &str)> = credential.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let answer = knock(&server, route, &credential).await;
            let seen = (answer.status.as_u16(), answer.code());
            // SCIM has errors of its own shape.
            let code = if route.path.starts_with("/scim/") { "" } else { "invalid_api_key" };
            assert_eq!(seen, (401, code.into()), "{who} at {} {}", route.method, route.path);
        }
    }
    assert_eq!(server.script().given().len(), 0);
}

#[tokio::test]
async fn administrative_doors_stay_shut_for_roles_without_the_right() {
    let server = Server::start().await;
    for route in ROUTES.iter().filter(|r| r.access == Access::Admin) {
        for role in ["clinician", "researcher", "service"] {
            let before = server.count("denied");
            let answer =
                server.send(route.method, &path(route), &[("x-api-key", &server.key(role))], body(route).into()).await;
            assert_eq!(answer.status, 403, "{role} at {} {}: {}", route.method, route.path, answer.text);
            assert_eq!(server.count("denied"), before + 1, "{role} at {} {} left no record", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn public_doors_are_open_and_say_little() {
    let server = Server::start().await;
    assert_eq!(server.send("GET", "/healthz", &[], vec![]).await.json(), serde_json::json!({"status": "ok"}));
    let ready = server.send("GET", "/readyz", &[], vec![]).await;
    let notes = ["tamper_evident_below_root_only"];
    assert_eq!(ready.json(), serde_json::json!({"status": "ok", "audit": "ok", "model": "ok", "notes": notes}));
    server.script().set_ready(false);
    let ready = server.send("GET", "/readyz", &[], vec![]).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["model"]), (503, &"down".into()));
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_around_the_door() {
    let server = Server::builder().limits(|l| l.failed_auth_per_minute = 10_000).start().await;
    for path in [
        "//",
        "/login/",
        "/assets/",
        "/assets/../v1/models",
        "/account%2f..%2fv1/models",
        "/v1",
        "/v1/",
        "/nothing",
        "//v1/models",
        "/v1//models",
        "/v1/models/",
        "/v1/models;x",
        "/healthz/",
        "/healthz/x",
        "//healthz",
        "/healthz;/../v1/models",
        "/healthz/%2e%2e/v1/models",
        "/%68ealthz",
        "/healthz%2f..%2fv1/models",
        "/V1/models",
        "/v1/models%00",
        "/readyz/../admin/v1/users",
        "/admin/v1/login/",
        "/admin/v1/login/../users",
        "/admin/v1/users?x=/healthz",
        "/metrics",
    ] {
        let answer = server.raw("GET", path, "").await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
    }
    let good = format!("authorization: Bearer {}\r\n", server.key("clinician"));
    for path in ["/nothing", "//v1/models", "/v1/models/", "/v1/models;x", "/V1/models", "/healthz/"] {
        let answer = server.raw("GET", path, &good).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{path}: {answer}");
    }
    // An absolute address, and a host that is somewhere else, decide nothing.
    let answer = server.raw("GET", "https://localhost/healthz#/v1/models", "").await;
    assert!(!answer.contains("200 OK") || answer.contains("\"status\":\"ok\""), "{answer}");
}

#[tokio::test]
async fn other_methods_are_refused_to_those_who_are_known() {
    let server = Server::start().await;
    let key = server.key("clinician");
    for (method, path) in [
        ("GET", "/v1/chat/completions"),
        ("HEAD", "/v1/models"),
        ("OPTIONS", "/v1/models"),
        ("PUT", "/v1/models"),
        ("TRACE", "/v1/models"),
        ("HEAD", "/nothing"),
        ("PATCH", "/admin/v1/users"),
    ] {
        let answer = server.send(method, path, &[("x-api-key", &key)], vec![]).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_eq!(server.send(method, path, &[], vec![]).await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn too_many_failures_from_one_source_are_told_to_wait_and_good_keys_still_pass() {
    let server = Server::builder().limits(|l| l.failed_auth_per_minute = 3).start().await;
    let bad = || server.get("/v1/models", "sk-medlock-nobody");
    for _ in 0..3 {
        assert_eq!(bad().await.status, 401);
    }
    let answer = bad().await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "rate_limit_exceeded"));
    assert!(answer.header("retry-after").parse::<u32>().unwrap() <= 61);
    assert_eq!(server.get("/v1/models", &server.key("clinician")).await.status, 200);
    server.clock().advance_ms(61_000);
    assert_eq!(bad().await.status, 401);
}

#[tokio::test]
async fn when_the_log_cannot_be_written_nothing_is_done_and_the_server_says_so() {
    let server = Server::builder().failing_audit().start().await;
    server.break_audit();
    let body = serde_json::json!({"model": testkit::MODEL, "messages": [{"role": "user", "content": "hi"}]});
    let answer = server.chat(&body).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "audit_unavailable"));
    assert_eq!(server.script().given().len(), 0);
    let ready = server.send("GET", "/readyz", &[], vec![]).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["audit"]), (503, &"down".into()));
}
