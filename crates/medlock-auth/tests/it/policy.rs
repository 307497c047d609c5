use crate::bench::*;
use medlock_auth::{
    AdminAction, Ask, Asked, AuthError, Credential, DenyCode, PolicySource, PolicyText, Relation, Trial,
};
use medlock_domain::{NetworkSource, ProtectionMode, Purpose};
use medlock_keys::password::Secret;
use std::collections::BTreeMap;

fn texts(list: &[(&str, &str)]) -> PolicySource {
    let text = |(name, text): &(&str, &str)| PolicyText { name: (*name).into(), text: (*text).into() };
    PolicySource::Texts(list.iter().map(text).collect())
}

const LOGIN: &str = r#"@id("in") permit (principal, action == Medlock::Action::"login", resource);"#;

#[tokio::test]
async fn bad_policies_are_refused_with_every_mistake_and_the_good_ones_stay() {
    let b = Bench::new().await;
    let (digest, epoch) = (b.auth.policy_digest(), b.auth.policy_epoch());
    let bad = texts(&[
        ("a.cedar", "@id(\"a\")\npermit (principal, action, resource)\nwhen { resource.nosuch };"),
        ("b.cedar", "permit (principal, action, resource);"),
        (
            "c.cedar",
            "@id(\"c\") permit (principal in Medlock::Role::\"x\", action == Medlock::Action::\"chta\", resource);",
        ),
        ("d.cedar", "\n\npermit (principal action);"),
        ("e.cedar", "@id(\"e\") @prefered permit (principal, action, resource);"),
        ("f.cedar", "@id(\"A B\") permit (principal, action, resource);"),
        ("g.cedar", "@id(\"a\") permit (principal, action, resource);"),
    ]);
    let by = operator(AdminAction::PolicyReload);
    let Err(AuthError::Policy(mistakes)) = b.auth.reload_policy_from(&by, bad, 1).await else { panic!("accepted") };
    for file in ["a.cedar", "b.cedar", "c.cedar", "d.cedar", "e.cedar", "f.cedar", "g.cedar"] {
        assert!(mistakes.iter().any(|m| m.file == file), "{file} is missing: {mistakes:#?}");
    }
    assert_eq!(mistakes.iter().find(|m| m.file == "d.cedar").unwrap().line, Some(3), "{mistakes:#?}");
    assert_eq!((b.auth.policy_digest(), b.auth.policy_epoch()), (digest, epoch));
    let nothing = b.auth.reload_policy_from(&by, texts(&[]), 1).await;
    assert!(matches!(nothing, Err(AuthError::Policy(_))));
}

#[tokio::test]
async fn a_forbid_wins_over_every_permit() {
    let b = Bench::with(texts(&[(
        "p.cedar",
        r#"@id("in") permit (principal, action == Medlock::Action::"login", resource);
           @id("all") permit (principal in Medlock::Role::"clinician", action in Medlock::Action::"chat", resource);
           @id("not") forbid (principal, action in Medlock::Action::"chat", resource);"#,
    )]))
    .await;
    let p = b.person("jdoe", &["clinician"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    let denied = b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap_err();
    assert_eq!(denied.policies, ["not"]);
}

#[tokio::test]
async fn a_policy_that_cannot_be_evaluated_denies() {
    // Cedar leaves out a forbid that overflows. It must not permit by that.
    let overflow = r#"@id("all") permit (principal in Medlock::Role::"clinician", action in Medlock::Action::"chat", resource);
        @id("broken") forbid (principal, action in Medlock::Action::"chat", resource)
        when { 9223372036854775807 + (if context.mfa then 1 else 2) > 0 };"#;
    let b = Bench::with(texts(&[("l.cedar", LOGIN), ("p.cedar", overflow)])).await;
    let p = b.person("jdoe", &["clinician"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    assert!(b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).is_err());
}

#[tokio::test]
async fn no_second_factor_no_session() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let mut row = b.store.user(&p.id).await.unwrap().unwrap();
    row.totp = None;
    b.store.update_user(&row).await.unwrap();
    assert_eq!(b.log_in(&p).await.unwrap_err().failure, medlock_auth::AuthFailure::NoFactor);
    // Where an operator's policies let people in with a password alone, the session says so.
    let all = format!(
        "{LOGIN} @id(\"c\") permit (principal in Medlock::Role::\"clinician\", action in Medlock::Action::\"chat\", resource) when {{ context.mfa }};"
    );
    b.auth.reload_policy_from(&operator(AdminAction::PolicyReload), texts(&[("p.cedar", &all)]), 1).await.unwrap();
    let who = b.log_in(&p).await.unwrap().principal;
    assert!(!who.mfa());
    assert_eq!(b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap_err().code, DenyCode::MfaRequired);
    assert_eq!(b.auth.authorize(&who, &ask(None)).unwrap_err().code, DenyCode::MfaRequired);
}

#[tokio::test]
async fn the_caller_may_only_tighten_and_says_so_for_raw_phi() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician"]).await;
    let who = b.log_in(&p).await.unwrap().principal;
    let mode = |least, local| {
        let a = medlock_auth::Ask { at_least: least, model_local: local, ..ask(Some(Purpose::Treatment)) };
        let permit = b.auth.authorize(&who, &a).unwrap();
        (permit.mode(), permit.may_restore())
    };
    use ProtectionMode::*;
    assert_eq!(mode(None, true), (Tokenize, true));
    assert_eq!(mode(Some(Identified), true), (Identified, false));
    assert_eq!(mode(Some(Identified), false), (Tokenize, true), "raw PHI stays on this machine");
    assert_eq!(mode(Some(Surrogate), false), (Surrogate, true));
    assert_eq!(mode(Some(Redact), true), (Redact, false));
    assert_eq!(mode(Some(Block), true), (Block, false));
}

#[tokio::test]
async fn obligations_of_the_deciding_policies_are_met() {
    let p = r#"@id("in") permit (principal, action == Medlock::Action::"login", resource);
        @id("raw") @preferred permit (principal in Medlock::Role::"clinician", action == Medlock::Action::"chat:identified", resource)
        when { resource.local };
        @id("tok") permit (principal in Medlock::Role::"clinician", action == Medlock::Action::"chat:tokenize", resource);
        @id("res") @restore_tools("order_lab, find_patient") permit (principal in Medlock::Role::"clinician", action == Medlock::Action::"restore", resource);
        @id("net") forbid (principal, action == Medlock::Action::"chat:identified", resource)
        unless { context.network.isInRange(ip("192.0.2.0/24")) };"#;
    let b = Bench::with(texts(&[("p.cedar", p)])).await;
    let who = b.log_in(&b.person("jdoe", &["clinician"]).await).await.unwrap().principal;
    let a = ask(Some(Purpose::Treatment));
    assert_eq!(b.auth.authorize(&who, &a).unwrap().mode(), ProtectionMode::Identified);
    let permit = b.auth.authorize(&who, &medlock_auth::Ask { model_local: false, ..a }).unwrap();
    assert_eq!(permit.restore_tools(), ["find_patient", "order_lab"]);
    assert_eq!(permit.policies(), ["res", "tok"]);
}

#[tokio::test]
async fn the_only_possible_purpose_needs_no_saying() {
    let b = Bench::new().await;
    let r = b.log_in(&b.person("res", &["researcher"]).await).await.unwrap().principal;
    let permit = b.auth.authorize(&r, &ask(None)).unwrap();
    assert_eq!(
        (permit.purpose(), permit.mode(), permit.may_restore()),
        (Purpose::Research, ProtectionMode::Redact, false)
    );
    let c = b.log_in(&b.person("cli", &["clinician"]).await).await.unwrap().principal;
    assert_eq!(b.auth.authorize(&c, &ask(None)).unwrap_err().code, DenyCode::PurposeRequired);
    let a = b.log_in(&b.person("aud", &["auditor"]).await).await.unwrap().principal;
    assert_eq!(b.auth.authorize(&a, &ask(None)).unwrap_err().code, DenyCode::PolicyDenied);
}

#[tokio::test]
async fn policies_of_a_directory_are_read_anew() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.cedar");
    std::fs::write(&file, LOGIN).unwrap();
    std::fs::write(dir.path().join("README.md"), "not a policy").unwrap();
    let b = Bench::with(PolicySource::Directory(dir.path().into())).await;
    let before = b.auth.policy_digest();
    std::fs::write(&file, format!("{LOGIN}\n// another\n")).unwrap();
    let reloaded = b
        .auth
        .reload_policy(&operator(AdminAction::PolicyReload), b.auth.pending_policy().await.unwrap(), 1)
        .await
        .unwrap();
    assert_ne!(reloaded.digest, before);
    assert_eq!((reloaded.epoch, reloaded.policies), (2, 1));
}

#[tokio::test]
async fn what_a_record_says_of_a_request_is_all_that_policies_saw() {
    let b = Bench::new().await;
    let p = b.person("jdoe", &["clinician", "researcher"]).await;
    let person = b.log_in(&p).await.unwrap().principal;
    let key = b.by_token(&b.key(&p, &["clinician"], &[Purpose::Treatment]).await.secret.unwrap()).await.unwrap();
    let trial = Trial::of(&PolicySource::Shipped).await.unwrap();
    let modes = [None, Some(ProtectionMode::Identified), Some(ProtectionMode::Redact)];
    for who in [&person, &key] {
        for purpose in [None, Some(Purpose::Treatment), Some(Purpose::Research), Some(Purpose::Emergency)] {
            for (at_least, relation) in modes.iter().flat_map(|m| Relation::ALL.map(|r| (*m, r))) {
                let ask = Ask { at_least, relation, ..ask(purpose) };
                let asked = b.auth.asked(who, &ask).unwrap();
                let mut facts: BTreeMap<&str, String> = asked.words().into_iter().collect();
                facts.extend(asked.numbers().map(|(name, n)| (name, n.to_string())));
                assert_eq!(Asked::from_facts(|name| facts.get(name).map(String::as_str)), Some(asked.clone()));
                let said = match b.auth.authorize(who, &ask) {
                    Ok(permit) => {
                        let restored = if permit.may_restore() { ", restored" } else { "" };
                        format!("{} for {}{restored}", permit.mode(), permit.purpose())
                    }
                    Err(denied) => denied.code.as_str().to_owned(),
                };
                assert_eq!(trial.again(&asked), said, "{facts:?}");
                facts.remove("roles");
                assert_eq!(Asked::from_facts(|name| facts.get(name).map(String::as_str)), None);
            }
        }
    }
}

const CHAT: &str = r#"@id("chat") permit (principal, action in Medlock::Action::"chat", resource);
@id("list") permit (principal, action == Medlock::Action::"models:list", resource);"#;

#[tokio::test]
async fn what_is_remembered_of_a_decision_is_not_told_to_another_network() {
    for inside in ["context.network", r#"context["net\u{77}ork"]"#] {
        let near = format!(
            r#"@id("near") forbid (principal, action in Medlock::Action::"chat", resource)
               unless {{ {inside}.isInRange(ip("192.0.2.0/24")) }};"#
        );
        let service =
            r#"@id("s") permit (principal in Medlock::Role::"service", action == Medlock::Action::"login", resource);"#;
        let b = Bench::with(texts(&[("a.cedar", CHAT), ("b.cedar", &near), ("c.cedar", service), ("d.cedar", LOGIN)]))
            .await;
        let owner = b.person("owner", &["service"]).await;
        let key = b.key(&owner, &["service"], &[Purpose::Treatment]).await;
        for (from, may) in [("192.0.2.7", true), ("203.0.113.7", false), ("192.0.2.7", true), ("203.0.113.7", false)] {
            let credential = Credential::ApiKey(Secret::new(key.secret.as_ref().unwrap().expose()));
            let who = b.auth.authenticate(credential, NetworkSource(from.parse().unwrap())).await.unwrap();
            assert_eq!(b.auth.authorize(&who, &ask(None)).is_ok(), may, "{inside} {from}");
        }
    }
}

#[tokio::test]
async fn what_is_remembered_of_a_decision_ends_with_the_policies() {
    let service =
        r#"@id("s") permit (principal in Medlock::Role::"service", action == Medlock::Action::"login", resource);"#;
    let b = Bench::with(texts(&[("a.cedar", CHAT), ("c.cedar", service), ("d.cedar", LOGIN)])).await;
    let owner = b.person("owner", &["service"]).await;
    let who = b.by_token(&b.key(&owner, &["service"], &[Purpose::Treatment]).await.secret.unwrap()).await.unwrap();
    assert!(b.auth.authorize(&who, &ask(None)).is_ok());
    let reload = operator(AdminAction::PolicyReload);
    b.auth.reload_policy_from(&reload, texts(&[("c.cedar", service), ("d.cedar", LOGIN)]), 1).await.unwrap();
    assert!(b.auth.authorize(&who, &ask(None)).is_err());
}

#[tokio::test]
async fn a_policy_that_names_a_person_is_refused() {
    for whom in [r#"principal == Medlock::Person::"usr_0""#, r#"principal == Medlock::Machine::"key_0""#] {
        let text = format!(r#"@id("one") permit ({whom}, action == Medlock::Action::"models:list", resource);"#);
        let mistakes = Trial::of(&texts(&[("a.cedar", &text), ("d.cedar", LOGIN)])).await.err().unwrap().to_string();
        assert!(mistakes.contains("policies name roles"), "{mistakes}");
    }
}

#[tokio::test]
async fn what_is_given_for_an_hour_ends_with_it() {
    let mut texts = PolicySource::Shipped.texts().await.unwrap();
    let hours = "@id(\"by-day\") forbid (principal, action == Medlock::Action::\"chat:tokenize\", resource)
                 unless { context.hour >= 8 && context.hour < 18 && context.weekday != \"friday\" };";
    texts.push(PolicyText { name: "hours".into(), text: hours.into() });
    let b = Bench::with(PolicySource::Texts(texts)).await;
    b.auth.with_zone("Europe/Berlin".parse().unwrap());
    let ada = b.person("ada", &["clinician"]).await;
    let token = b.key(&ada, &["clinician"], &[Purpose::Treatment]).await.secret.unwrap();
    // The bench begins on Friday, 15 January 2027, at 9 in Berlin.
    let given = async |b: &Bench| {
        let who = b.by_token(&token).await.unwrap();
        b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).map(|permit| (permit.mode(), permit.deadline()))
    };
    assert_ne!(given(&b).await.unwrap().0, ProtectionMode::Tokenize);
    b.clock.advance_ms(3 * DAY + 8 * HOUR + 30 * MINUTE);
    let (mode, deadline) = given(&b).await.unwrap();
    assert_eq!(mode, ProtectionMode::Tokenize, "Monday, half past five");
    assert_eq!(deadline, b.now().plus_ms(30 * MINUTE));
    let who = b.by_token(&token).await.unwrap();
    let permit = b.auth.authorize(&who, &ask(Some(Purpose::Treatment))).unwrap();
    b.clock.advance_ms(30 * MINUTE);
    assert!(b.auth.check(&permit).is_err(), "it is six");
    assert_ne!(
        given(&b).await.unwrap().0,
        ProtectionMode::Tokenize,
        "what was decided before is not remembered for it"
    );
}
