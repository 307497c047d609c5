//! A running answer ends when what permitted it does, and the record says so.

use crate::common::{ask, authorised, closed, of_request, reading_key, said, stream_error, streamed, verified};
use futures_util::StreamExt as _;
use medlock_auth::{LocalOperator, NewKey, PolicySource, PolicyText};
use medlock_domain::{Clock as _, KeyId, Purpose, SessionId};
use medlock_pipeline::admin::By;
use std::time::Duration;
use testkit::{Say, Server, eventually};

/// How the permit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    SessionEnded,
    LoggedOut,
    KeyRevoked,
    PersonDisabled,
    RolesChanged,
    PolicyReloaded,
    Deadline,
    /// Nothing ends it.
    Not,
}

/// Somebody with a credential to be cut.
struct Caller {
    token: String,
    key: Option<KeyId>,
}

async fn with_key(server: &Server) -> Caller {
    let key = NewKey {
        name: "to-be-cut".into(),
        owner: server.person("clinician").id.clone(),
        roles: vec!["clinician".parse().unwrap()],
        purposes: vec![Purpose::Treatment],
        models: Vec::new(),
        networks: Vec::new(),
        bound: None,
        expires: server.clock().now().plus_ms(90 * 24 * 60 * 60 * 1000),
    };
    let created = server.admin().create_key(By::Operator(&LocalOperator::new()), key).await.unwrap();
    Caller { token: created.secret.unwrap().expose().to_string(), key: Some(created.id) }
}

async fn caller(server: &Server, cut: Cut) -> Caller {
    match cut {
        Cut::SessionEnded | Cut::LoggedOut => Caller { token: server.session("clinician").await, key: None },
        _ => with_key(server).await,
    }
}

async fn end(server: &Server, cut: Cut, caller: &Caller) {
    let operator = LocalOperator::new();
    let (by, admin) = (By::Operator(&operator), server.admin());
    let person = &server.person("clinician").id;
    match cut {
        Cut::SessionEnded => {
            let sessions = admin.list_sessions(by).await.unwrap();
            let own: Vec<SessionId> = sessions.into_iter().filter(|s| s.user == *person).map(|s| s.id).collect();
            admin.end_session(by, &own[0]).await.unwrap();
        }
        Cut::LoggedOut => {
            assert_eq!(server.post("/admin/v1/logout", &caller.token, vec![]).await.status, 204);
        }
        Cut::KeyRevoked => admin.revoke_key(by, caller.key.as_ref().unwrap()).await.unwrap(),
        Cut::PersonDisabled => admin.disable_user(by, person, None).await.unwrap(),
        Cut::RolesChanged => admin.set_roles(by, person, vec!["researcher".parse().unwrap()]).await.unwrap(),
        Cut::PolicyReloaded => drop(admin.reload_policy(by).await.unwrap()),
        Cut::Deadline => server.clock().advance_ms(60 * 60 * 1000),
        Cut::Not => {}
    }
}

async fn cut_midway(cut: Cut) {
    let server = Server::builder().failing_audit().start().await;
    let caller = caller(&server, cut).await;
    server.script().pause(Duration::from_millis(2));
    server.script().say(Say::Pieces(vec!["word after word after word, on and on and on. ".into(); 600]));
    let request = server.client().post(server.url("/v1/chat/completions")).bearer_auth(&caller.token);
    let request = request.header("x-medlock-purpose", "treatment").header("content-type", "application/json");
    let response = request.body(streamed(ask("Go on.")).to_string()).send().await.unwrap();
    assert_eq!(response.status(), 200, "{cut:?}");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_string();
    let mut stream = response.bytes_stream();
    let mut heard = Vec::new();
    while said(&String::from_utf8_lossy(&heard)).is_empty() {
        heard.extend_from_slice(&stream.next().await.unwrap().unwrap());
    }
    end(&server, cut, &caller).await;
    while let Some(chunk) = stream.next().await {
        heard.extend_from_slice(&chunk.unwrap());
    }
    let text = String::from_utf8(heard).unwrap();
    let close = closed(&server, &id).await;
    let records = of_request(&server, &id);
    assert_eq!(authorised(&server, &records, &reading_key(&server)), said(&text).as_bytes(), "{cut:?}");
    assert_eq!(close.facts.int("authorised_bytes"), Some(said(&text).len() as i64));
    verified(&server);
    if cut == Cut::Not {
        assert!(text.ends_with("data: [DONE]\n\n"));
        assert_eq!((close.outcome.as_str(), close.facts.word("code")), ("ok", None));
        return;
    }
    assert_eq!(stream_error(&text), "permit_ended", "{cut:?}: {}", &text[text.len().saturating_sub(300)..]);
    assert!(!text.contains("[DONE]"));
    assert_eq!((close.kind.as_str(), close.outcome.as_str()), ("close", "denied"), "{cut:?}");
    assert_eq!(close.facts.word("code"), Some("permit_ended"));
    // Its holder gets no further; but a new policy and another hour take nobody's key away.
    let still = matches!(cut, Cut::PolicyReloaded | Cut::Deadline);
    server.script().say(Say::text("Yes."));
    let headers = [("x-medlock-purpose", "treatment")];
    let body = ask("Again?").to_string();
    let again = server.request("POST", "/v1/chat/completions", &caller.token, &headers, body.into()).await;
    assert_eq!(again.status == 200, still, "{cut:?}: {}", again.text);
    eventually("the model was stopped", || async { server.script().cancelled() == 1 }).await;
}

macro_rules! cuts {
    ($($name:ident: $cut:ident,)+) => { $(
        #[tokio::test]
        async fn $name() {
            let in_time = tokio::time::timeout(Duration::from_secs(240), cut_midway(Cut::$cut)).await;
            in_time.expect("the answer ends");
        }
    )+ };
}

cuts! {
    an_answer_is_cut_when_its_session_is_ended: SessionEnded,
    an_answer_is_cut_when_its_caller_logs_out: LoggedOut,
    an_answer_is_cut_when_its_key_is_revoked: KeyRevoked,
    an_answer_is_cut_when_its_owner_is_shut_out: PersonDisabled,
    an_answer_is_cut_when_its_owner_gets_other_roles: RolesChanged,
    an_answer_is_cut_when_the_policy_is_loaded_anew: PolicyReloaded,
    an_answer_is_cut_when_its_time_is_over: Deadline,
    an_answer_that_nothing_cuts_comes_to_its_end: Not,
}

#[tokio::test]
async fn a_policy_that_forbids_is_in_force_for_the_next_request_and_a_broken_one_never_is() {
    let server = Server::start().await;
    assert_eq!(server.chat(&ask("Hello.")).await.status, 200);
    let operator = LocalOperator::new();
    let permit = operator.permit(medlock_auth::AdminAction::PolicyReload);
    let one = |text: &str| PolicySource::Texts(vec![PolicyText { name: "one.cedar".into(), text: text.into() }]);
    let broken = server.auth().reload_policy_from(&permit, one("permit (principal, action"), 0).await;
    assert!(broken.is_err());
    assert_eq!(server.chat(&ask("Hello.")).await.status, 200, "what was in force stays");
    let unknown = server
        .auth()
        .reload_policy_from(
            &permit,
            one("@id(\"x\") permit (principal, action == Medlock::Action::\"chat:all\", resource);"),
            0,
        )
        .await;
    assert!(unknown.is_err());
    let none = "@id(\"nobody-chats\")\nforbid (principal, action in [Medlock::Action::\"chat\"], resource);";
    server.auth().reload_policy_from(&permit, one(none), 0).await.unwrap();
    let answer = server.chat(&ask("Hello.")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (403, "policy_denied"));
}
