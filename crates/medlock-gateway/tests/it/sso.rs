//! Single sign-on: who the identity provider sends, and who only says so.

use medlock_domain::Clock;
use serde_json::{Value, json};
use testkit::{Answer, CLIENT, ISSUER, Idp, PASSWORD, Server};

/// A browser on its way.
struct Browser<'s> {
    server: &'s Server,
    client: reqwest::Client,
    kept: String,
    url: String,
}

async fn server(idp: &Idp) -> Server {
    Server::builder().sso(idp).limits(|l| l.failed_auth_per_minute = 1000).start().await
}

async fn get(server: &Server, client: &reqwest::Client, path: &str, cookie: &str) -> Answer {
    let request = client.get(server.url(path)).header("sec-fetch-site", "cross-site").header("cookie", cookie);
    Answer::read(request.send().await.unwrap()).await
}

impl<'s> Browser<'s> {
    async fn departs(server: &'s Server) -> Self {
        let client = server.client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let answer = get(server, &client, "/login/sso", "").await;
        assert_eq!(answer.status, 303);
        let kept = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { server, client, kept, url: answer.header("location").to_owned() }
    }

    fn state(&self) -> String {
        reqwest::Url::parse(&self.url).unwrap().query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
    }

    /// Back with a code: the session's cookie, if there is one.
    async fn comes_back(&self, code: &str) -> Option<String> {
        let path = format!("/login/sso/callback?code={code}&state={}", self.state());
        self.comes(&path, &self.kept).await
    }

    async fn comes(&self, path: &str, kept: &str) -> Option<String> {
        let answer = get(self.server, &self.client, path, kept).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let session = answer.headers.get_all("set-cookie").iter().filter_map(|v| v.to_str().ok());
        let session = session.map(|v| v.split(';').next().unwrap().to_owned());
        let session = session.into_iter().find(|c| c.starts_with("__Host-medlock="));
        let expected = if session.is_some() { "/account" } else { "/login#sso" };
        assert_eq!(answer.header("location"), expected);
        session
    }
}

pub(crate) fn says(server: &Server) -> Value {
    let now = server.clock().now().seconds();
    json!({
        "iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "iat": now, "exp": now + 300, "auth_time": now,
        "preferred_username": "dr.grey", "groups": ["physicians", "everybody"], "amr": ["pwd", "mfa"],
    })
}

pub(crate) async fn log_in(server: &Server, idp: &Idp, claims: Value) -> Option<String> {
    let browser = Browser::departs(server).await;
    let code = idp.grant(&browser.url, claims);
    browser.comes_back(&code).await
}

pub(crate) async fn who(server: &Server, cookie: &str) -> Answer {
    server.send("GET", "/admin/v1/whoami", &[("sec-fetch-site", "same-origin"), ("cookie", cookie)], vec![]).await
}

pub(crate) fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn who_is_new_is_made_and_groups_decide_what_they_may() {
    let idp = Idp::default();
    let server = server(&idp).await;
    assert_eq!(server.send("GET", "/login/methods", &[], vec![]).await.json()["sso"], true);
    let cookie = log_in(&server, &idp, says(&server)).await.expect("a session");
    let me = who(&server, &cookie).await.json();
    assert_eq!((&me["username"], &me["roles"]), (&json!("dr.grey"), &json!(["clinician"])));
    assert_eq!((&me["second_factor"], &me["second_factor_fresh"]), (&json!(true), &json!(true)));
    let id = me["user"].clone();
    let last = server.records("login_ok").pop().unwrap();
    assert_eq!(last.facts.word("factor"), Some("sso"));
    let made: Vec<_> = server.entries().into_iter().filter(|e| e.facts.word("verb") == Some("provision")).collect();
    assert_eq!(made.len(), 2, "announced and done");
    assert_eq!(made[1].facts.word("user"), id.as_str());

    // The same person under another name; their groups have changed.
    let renamed = with(says(&server), "preferred_username", json!("dr.grey-sloan"));
    let cookie = log_in(&server, &idp, with(renamed, "groups", json!(["it"]))).await.expect("a session");
    let me = who(&server, &cookie).await.json();
    assert_eq!((&me["user"], &me["roles"]), (&id, &json!(["admin"])));

    // Without a group they have no role, and what they had ends.
    assert_eq!(log_in(&server, &idp, with(says(&server), "groups", json!([]))).await, None);
    let headers = [("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str())];
    let still = server.send("GET", "/admin/v1/users", &headers, vec![]).await;
    assert_eq!(still.status, 403, "the session that they have may nothing any more");
    // And no password opens the account.
    for password in ["!", "", PASSWORD] {
        let body = json!({"username": "dr.grey", "password": password}).to_string();
        assert_eq!(server.send("POST", "/admin/v1/login", &[], body.into()).await.status, 401);
    }
}

#[tokio::test]
async fn nobody_takes_over_an_account_by_its_name_and_nobody_without_a_role_is_made() {
    let idp = Idp::default();
    let server = server(&idp).await;
    assert_eq!(log_in(&server, &idp, with(says(&server), "preferred_username", json!("clinician"))).await, None);
    for (name, value) in [
        ("groups", json!(["strangers"])),
        ("groups", json!(null)),
        ("preferred_username", json!("Not A Name!")),
        ("preferred_username", json!(null)),
    ] {
        assert_eq!(log_in(&server, &idp, with(says(&server), name, value.clone())).await, None, "{name} {value}");
    }
    let admin = server.session("admin").await;
    let users = server.get("/admin/v1/users", &admin).await.text;
    assert!(!users.contains("dr.grey"));
    // Whoever showed no second factor there is not let in by the shipped policies; one of long ago is not fresh.
    assert_eq!(log_in(&server, &idp, with(says(&server), "amr", json!(["pwd"]))).await, None);
    let earlier = with(says(&server), "auth_time", json!(server.clock().now().seconds() - 3600));
    let cookie = log_in(&server, &idp, earlier).await.expect("a session");
    assert_eq!(who(&server, &cookie).await.json()["second_factor_fresh"], false);
}

#[tokio::test]
async fn tokens_that_are_not_for_us_now_and_here_are_worth_nothing() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let now = server.clock().now().seconds();
    for (name, value) in [
        ("iss", json!("https://idp.evil")),
        ("aud", json!("somebody-else")),
        ("aud", json!(["medlock", "somebody-else"])),
        ("azp", json!("somebody-else")),
        ("exp", json!(now - 61)),
        ("exp", json!(null)),
        ("iat", json!(now + 3600)),
        ("nbf", json!(now + 3600)),
        ("nonce", json!("another")),
        ("sub", json!("")),
        ("sub", json!(null)),
    ] {
        assert_eq!(log_in(&server, &idp, with(says(&server), name, value.clone())).await, None, "{name} {value}");
    }
    // Signed otherwise, or not at all.
    let claims = says(&server);
    let unsigned = idp.signed(&json!({"alg": "none"}), &claims);
    let (head, _) = unsigned.rsplit_once('.').unwrap();
    let other = Idp::default();
    for (what, token) in [
        ("no algorithm", format!("{head}.")),
        ("a shared key that it publishes", idp.signed(&json!({"alg": "HS256", "kid": "shared"}), &claims)),
        ("our key for another algorithm", idp.signed(&json!({"alg": "ES384", "kid": "first"}), &claims)),
        ("no key", idp.signed(&json!({"alg": "ES256"}), &claims)),
        ("somebody else's key", other.token(&claims)),
        ("nothing of the kind", "x.y".into()),
    ] {
        let browser = Browser::departs(&server).await;
        let nonce = reqwest::Url::parse(&browser.url).unwrap();
        let nonce = nonce.query_pairs().find(|(name, _)| name == "nonce").unwrap().1.into_owned();
        // With the right nonce, so that only the signature is wrong.
        let token = match what {
            "somebody else's key" => other.token(&with(claims.clone(), "nonce", json!(nonce))),
            _ => token,
        };
        let code = idp.grant(&browser.url, json!({"as": token}));
        assert_eq!(browser.comes_back(&code).await, None, "{what}");
    }
    assert_eq!(server.count("login_ok"), 0);
    assert!(log_in(&server, &idp, says(&server)).await.is_some());
}

#[tokio::test]
async fn a_way_back_is_gone_once_by_the_browser_that_set_out_and_in_time() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let victim = Browser::departs(&server).await;
    let attacker = Browser::departs(&server).await;
    // The attacker's way back, in the victim's browser: it would log the victim in as the attacker.
    let code = idp.grant(&attacker.url, says(&server));
    let path = format!("/login/sso/callback?code={code}&state={}", attacker.state());
    assert_eq!(victim.comes(&path, &victim.kept).await, None, "another browser's");
    assert_eq!(victim.comes(&path, "").await, None, "and it was used up by that");
    assert_eq!(attacker.comes_back(&code).await, None);

    let browser = Browser::departs(&server).await;
    let code = idp.grant(&browser.url, says(&server));
    assert!(browser.comes_back(&code).await.is_some());
    assert_eq!(browser.comes_back(&code).await, None, "once");
    let late = Browser::departs(&server).await;
    let code = idp.grant(&late.url, says(&server));
    server.clock().advance_ms(6 * 60_000);
    assert_eq!(late.comes_back(&code).await, None, "too late");
    for path in [
        "/login/sso/callback",
        "/login/sso/callback?error=access_denied",
        "/login/sso/callback?code=a&code=b&state=cer_00000000000000000000000000",
        "/login/sso/callback?code=a&state=nothing",
    ] {
        assert_eq!(late.comes(path, &late.kept).await, None, "{path}");
    }
}

#[tokio::test]
async fn a_logout_there_ends_the_sessions_here_and_disabled_people_stay_out() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let cookie = log_in(&server, &idp, says(&server)).await.expect("a session");
    let now = server.clock().now().seconds();
    let event = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    let token = json!({"iss": ISSUER, "aud": CLIENT, "iat": now, "exp": now + 120, "jti": "1", "sub": "248289761001",
                       "events": event});
    let post = async |token: String| {
        let request = server.client().post(server.url("/login/sso/logout"));
        let form = format!("logout_token={token}");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        Answer::read(request.send().await.unwrap()).await.status.as_u16()
    };
    for (name, value) in [
        ("events", json!(null)),
        ("events", json!({"other": {}})),
        ("nonce", json!("x")),
        ("aud", json!("somebody-else")),
        ("sub", json!("nobody")),
        ("exp", json!(now - 3600)),
    ] {
        assert_eq!(post(idp.token(&with(token.clone(), name, value.clone()))).await, 400, "{name} {value}");
    }
    assert_eq!(post(Idp::default().token(&token)).await, 400, "signed by somebody else");
    assert_eq!(who(&server, &cookie).await.status, 200);
    assert_eq!(post(idp.token(&token)).await, 200);
    assert_eq!(who(&server, &cookie).await.status, 401);
    let ended: Vec<_> = server.entries().into_iter().filter(|e| e.facts.word("verb") == Some("sso_logout")).collect();
    assert_eq!(ended.len(), 1);

    let cookie = log_in(&server, &idp, says(&server)).await.expect("a session");
    let id = who(&server, &cookie).await.json()["user"].as_str().unwrap().to_owned();
    let admin = server.session("admin").await;
    assert_eq!(server.post(&format!("/admin/v1/users/{id}/disable"), &admin, vec![]).await.status, 204);
    assert_eq!(who(&server, &cookie).await.status, 401);
    assert_eq!(log_in(&server, &idp, says(&server)).await, None);
}

#[tokio::test]
async fn keys_change_and_a_provider_that_is_down_keeps_nobody_else_out() {
    let idp = Idp::default();
    let server = server(&idp).await;
    assert!(log_in(&server, &idp, says(&server)).await.is_some());
    idp.rotate();
    assert_eq!(log_in(&server, &idp, says(&server)).await, None, "asked for at most once a minute");
    assert_eq!(idp.asked(), 1);
    server.clock().advance_ms(61_000);
    assert!(log_in(&server, &idp, says(&server)).await.is_some());
    assert_eq!(idp.asked(), 2);
    idp.set_down(true);
    server.clock().advance_ms(2 * 60 * 60_000);
    assert!(log_in(&server, &idp, says(&server)).await.is_some(), "its keys as they were");
    let session = server.session("clinician").await;
    assert_eq!(server.get("/admin/v1/whoami", &session).await.status, 200, "and our own people log in as ever");

    let other = Idp::default();
    other.set_down(true);
    let fresh = Server::builder().sso(&other).start().await;
    let client = fresh.client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(get(&fresh, &client, "/login/sso", "").await.header("location"), "/login#sso");
    let without = Server::start().await;
    let client = without.client_builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(get(&without, &client, "/login/sso", "").await.header("location"), "/login#sso");
    assert_eq!(without.send("GET", "/login/methods", &[], vec![]).await.json()["sso"], false);
}

#[tokio::test]
async fn strangers_do_not_make_the_server_forget_what_it_knows_of_the_provider() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let now = server.clock().now().seconds();
    let claims = json!({"iss": ISSUER, "sub": "248289761001", "aud": CLIENT, "iat": now, "exp": now + 36_000,
                        "jti": "1", "events": {"http://schemas.openid.net/event/backchannel-logout": {}}});
    assert!(log_in(&server, &idp, says(&server)).await.is_some());
    server.clock().advance_ms(2 * 60_000);
    idp.set_down(true);
    let asked = idp.asked();
    let unknown = Idp::default().signed(&json!({"alg": "ES256", "kid": "unknown"}), &claims);
    let says = async |token: String| {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        server.send("POST", "/login/sso/logout", &headers, format!("logout_token={token}").into()).await.status.as_u16()
    };
    assert_eq!(says(unknown.clone()).await, 400);
    assert_eq!(says(idp.token(&claims)).await, 200, "what it has signed is known all the same");
    idp.set_down(false);
    assert_eq!(says(unknown.clone()).await, 400);
    assert_eq!(idp.asked(), asked, "who did not answer is not asked again at once");
    server.clock().advance_ms(61_000);
    for _ in 0..3 {
        assert_eq!(says(unknown.clone()).await, 400);
    }
    assert_eq!(idp.asked(), asked + 1, "nor by each stranger");
}

#[tokio::test]
async fn who_has_no_code_here_declares_an_emergency_after_signing_in_again_or_with_a_passkey() {
    let idp = Idp::default();
    let server = server(&idp).await;
    let cookie = log_in(&server, &idp, says(&server)).await.expect("a session");
    let headers =
        [("sec-fetch-site", "same-origin"), ("cookie", cookie.as_str()), ("content-type", "application/json")];
    let post = async |path: &str, body: Value| server.send("POST", path, &headers, body.to_string().into()).await;
    let declare = |proof: Value| {
        let mut body = json!({"reason": "care", "minutes": 5});
        body.as_object_mut().unwrap().extend(proof.as_object().unwrap().clone());
        body
    };
    assert_eq!(post("/admin/v1/break-glass", declare(json!({}))).await.status, 200, "just signed in");
    let mut key = testkit::Authenticator::new(&server.url(""));
    let asked = post("/admin/v1/passkeys/options", json!({})).await.json();
    let made = json!({"ceremony": asked["ceremony"], "name": "mine", "credential": key.create(&asked["public_key"])});
    assert_eq!(post("/admin/v1/passkeys", made).await.status, 201);
    server.clock().advance_ms(6 * 60_000);
    let late = post("/admin/v1/break-glass", declare(json!({}))).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (403, "step_up_required"));
    let asked = post("/admin/v1/step-up/options", json!({})).await.json();
    let proof = json!({"ceremony": asked["ceremony"], "credential": key.get(&asked["public_key"])});
    assert_eq!(post("/admin/v1/break-glass", declare(proof.clone())).await.status, 200);
    assert_ne!(post("/admin/v1/break-glass", declare(proof)).await.status, 200, "once");
}
