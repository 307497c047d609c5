//! Browsers: cookies, what other sites can have them do, and the pages.

use serde_json::json;
use testkit::{Answer, PASSWORD, Server};

const OURS: (&str, &str) = ("sec-fetch-site", "same-origin");

async fn log_in(server: &Server, site: &[(&str, &str)]) -> Answer {
    use medlock_domain::Clock;
    server.clock().advance_ms(30_000);
    let otp = server.person("clinician").totp.code_at(server.clock().now().seconds());
    let body = json!({"username": "clinician", "password": PASSWORD, "otp": otp, "session": "cookie"});
    server.send("POST", "/admin/v1/login", site, body.to_string().into()).await
}

/// The cookie as a browser sends it back.
fn kept(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_browsers_session_is_in_a_cookie_that_no_script_sees() {
    let server = Server::start().await;
    let begun = log_in(&server, &[OURS]).await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    let set = begun.header("set-cookie");
    assert!(set.starts_with("__Host-medlock=ses-"), "{set}");
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
        assert!(set.split("; ").any(|a| a == attribute), "{attribute}");
    }
    assert!(begun.json()["token"].is_null() && !begun.text.contains("ses-"), "the body has no token");
    let cookie = kept(&begun);
    let me = server.send("GET", "/admin/v1/whoami", &[OURS, ("cookie", &cookie)], vec![]).await;
    assert_eq!(me.json()["username"], "clinician");
    // Another token with each step-up: who had the old one has nothing.
    use medlock_domain::Clock;
    server.clock().advance_ms(60_000);
    let otp = server.person("clinician").totp.code_at(server.clock().now().seconds());
    let proof = json!({"otp": otp}).to_string();
    let renewed = server.send("POST", "/admin/v1/step-up", &[OURS, ("cookie", &cookie)], proof.into()).await;
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    assert!(renewed.json()["token"].is_null());
    let fresh = kept(&renewed);
    assert_ne!(fresh, cookie);
    assert_eq!(server.send("GET", "/admin/v1/whoami", &[OURS, ("cookie", &cookie)], vec![]).await.status, 401);
    let out = server.send("POST", "/admin/v1/logout", &[OURS, ("cookie", &fresh)], vec![]).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(server.send("GET", "/admin/v1/whoami", &[OURS, ("cookie", &fresh)], vec![]).await.status, 401);
}

#[tokio::test]
async fn another_site_does_nothing_with_the_cookie_and_logs_nobody_in() {
    let server = Server::start().await;
    let cookie = kept(&log_in(&server, &[OURS]).await);
    for site in [None, Some("cross-site"), Some("same-site"), Some("none"), Some("SAME-ORIGIN")] {
        let site: Vec<(&str, &str)> = site.map(|s| ("sec-fetch-site", s)).into_iter().collect();
        let refused = log_in(&server, &site).await;
        assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "cross_site_request"), "{site:?}");
        assert_eq!(refused.header("set-cookie"), "");
        let with: Vec<_> = site.iter().copied().chain([("cookie", cookie.as_str())]).collect();
        for (method, path) in
            [("POST", "/admin/v1/logout"), ("POST", "/v1/chat/completions"), ("DELETE", "/admin/v1/sessions/x")]
        {
            let refused = server.send(method, path, &with, b"{}".to_vec()).await;
            assert_eq!(
                (refused.status.as_u16(), refused.code().as_str()),
                (403, "cross_site_request"),
                "{path} {site:?}"
            );
        }
    }
    let elsewhere = [("sec-fetch-site", "cross-site"), ("cookie", cookie.as_str())];
    assert_eq!(server.send("GET", "/admin/v1/whoami", &elsewhere, vec![]).await.status, 403);
    let mine = [OURS, ("cookie", cookie.as_str())];
    assert_eq!(server.send("GET", "/admin/v1/whoami", &mine, vec![]).await.status, 200, "it lives on");
}

#[tokio::test]
async fn nobody_brings_a_session_along_to_be_logged_in_to() {
    let server = Server::start().await;
    let planted = format!("__Host-medlock=ses-{}", "A".repeat(43));
    let begun = log_in(&server, &[OURS, ("cookie", &planted)]).await;
    assert_eq!(begun.status, 200);
    assert_ne!(kept(&begun), planted);
    assert_eq!(server.send("GET", "/admin/v1/whoami", &[OURS, ("cookie", &planted)], vec![]).await.status, 401);
    // Two of them, or one beside another credential, are nobody.
    let mine = kept(&begun);
    let twice = format!("{mine}; {mine}");
    assert_eq!(server.send("GET", "/admin/v1/whoami", &[OURS, ("cookie", &twice)], vec![]).await.status, 401);
    let key = server.key("clinician");
    let both = [OURS, ("cookie", mine.as_str()), ("x-api-key", key.as_str())];
    assert_eq!(server.send("GET", "/admin/v1/whoami", &both, vec![]).await.status, 401);
}

#[tokio::test]
async fn pages_hold_nothing_and_let_nothing_in() {
    let server = Server::start().await;
    for path in ["/login", "/account"] {
        let page = server.send("GET", path, &[], vec![]).await;
        assert_eq!(page.status, 200);
        assert!(page.header("content-type").starts_with("text/html"));
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!((page.header("x-frame-options"), page.header("referrer-policy")), ("DENY", "no-referrer"));
        assert_eq!(page.header("cache-control"), "no-store");
        // All that a page loads is there, and none of it is inline.
        for part in page.text.split(['"', '\'']).filter(|p| p.starts_with("/assets/")) {
            assert_eq!(server.send("GET", part, &[], vec![]).await.status, 200, "{part}");
        }
        assert!(!page.text.contains("<script>") && !page.text.contains("style="), "{path}");
    }
    let home = server.client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let home = home.get(server.url("/")).send().await.unwrap();
    assert_eq!((home.status().as_u16(), home.headers()["location"].to_str().unwrap()), (303, "/account"));
}
