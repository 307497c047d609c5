#![allow(clippy::unwrap_used, reason = "tests")]

use super::raw::Origin;
use super::*;
use medlock_deid::Preset;
use std::time::Duration;

fn check(text: &str, env: &[(&str, &str)]) -> Result<Settings, Vec<String>> {
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    parse(text, Path::new("/etc/medlock/medlock.toml"), env)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
}

#[test]
fn an_empty_file_is_a_whole_configuration() {
    let s = check("", &[]).unwrap();
    assert_eq!(s.layout.root(), Path::new("/etc/medlock"));
    assert_eq!(s.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(s.tls_key.to_string(), "file:/etc/medlock/tls/server.key");
    assert_eq!((s.model.name.as_str(), s.model.engines), ("smollm2-135m-instruct", 1));
    assert_eq!((s.session_idle_minutes, s.session_absolute_hours), (15, 12));
    assert!(s.resolved.iter().all(|r| r.origin == Origin::Default));
}

#[test]
fn what_is_said_is_taken_and_the_environment_wins() {
    let text = "data_dir = '/srv/m'\nlisten = '0.0.0.0:443'\n[tls]\nkey = 'env:TLS_KEY'\n[model]\nengines = 2\n\
                [limits]\ndrain_seconds = 5\n[output]\non_leak = 'block'\n";
    let s = check(text, &[("MEDLOCK_MODEL__ENGINES", "3"), ("MEDLOCK_LISTEN", "[::1]:9"), ("HOME", "/root")]).unwrap();
    assert_eq!(s.tls_cert, Path::new("/srv/m/tls/server.pem"));
    assert_eq!((s.listen.to_string().as_str(), s.model.engines), ("[::1]:9", 3));
    assert_eq!((s.tls_key, s.limits.drain), (KeyRef::Env("TLS_KEY".into()), Duration::from_secs(5)));
    assert_eq!(s.rules.on_leak, medlock_deid::OnLeak::Block);
    let of = |key| s.resolved.iter().find(|r| r.key == key).unwrap().origin.clone();
    assert_eq!(of("listen"), Origin::Env("MEDLOCK_LISTEN".into()));
    assert_eq!(of("output.on_leak"), Origin::Line(10));
}

/// Each wrong thing by itself, with what must be said about it.
#[test]
fn every_mistake_is_named_with_its_place_and_its_mend() {
    for (text, said) in [
        ("listne = '127.0.0.1:1'", "line 1: listne: there is no such setting; did you mean listen?"),
        ("\n[model]\nnmae = 'x'", "line 3: model.nmae: there is no such setting; did you mean model.name?"),
        ("[surprise]\nx = 1", "line 2: surprise.x: there is no such setting; there are data_dir, listen"),
        ("listen = 8443", "line 1: listen: expected an address and port"),
        ("listen = 'localhost'", "line 1: listen: expected an address and port"),
        ("listen = true", "what stands there is of type boolean"),
        ("metrics_listen = '127.0.0.1:8443'", "line 1: metrics_listen: is the same as listen"),
        ("[tls]\nkey = '-----BEGIN PRIVATE KEY-----'", "line 2: tls.key: expected a reference to the key"),
        ("[tls]\nkey = 'server.key'", "line 2: tls.key: expected a reference to the key"),
        ("[model]\nname = 'Not A Model'", "line 2: model.name: expected a model of the catalogue"),
        ("[model]\nengines = 0", "line 2: model.engines: expected a whole number from 1 to 64"),
        ("[model]\nengines = 99999999999999999999", "line 2: model.engines: expected a whole number from 1 to 64"),
        ("[model]\ncontext = '4096'", "line 2: model.context: expected a whole number from 256 to 131072"),
        ("[login]\norigin = \"https://192.0.2.1\"", "line 2: login.origin: expected the address that browsers see"),
        ("[sso]\nissuer = \"https://idp.example\"", "line 2: sso.issuer: set ca, client_id and roles as well"),
        ("[sso]\nissuer = \"http://idp.example\"", "line 2: sso.issuer: expected the provider's https address"),
        ("[sso]\nroles = \"clinician\"", "line 2: sso.roles: expected roles with the groups"),
        ("[limits.role.researcher]\ntokens_per_day = -1", "line 2: limits.role.researcher.tokens_per_day: expected"),
        ("[limits.role.researcher]\nrequests = 1", "line 2: limits.role.researcher.requests: "),
        ("[session]\nidle_minutes = 1.5", "line 2: session.idle_minutes: expected a whole number from 1 to 480"),
        ("[session]\nidle_minutes = 120\nabsolute_hours = 1", "line 2: session.idle_minutes: is longer than"),
        ("[limits]\nbody_bytes = 1", "line 2: limits.body_bytes: expected a whole number from 1024 to 67108864"),
        ("[output]\non_leak = 'shrug'", "line 2: output.on_leak: expected \"redact\" or \"block\""),
        ("listen = '127.0.0.1:1'\nlisten = '127.0.0.1:2'", "line 2: this is not TOML: duplicate key"),
        ("listen =", "line 1: this is not TOML"),
    ] {
        let mistakes = check(text, &[]).unwrap_err();
        assert!(mistakes.iter().any(|m| m.contains(said)), "{text:?} gives {mistakes:?}");
    }
}

#[test]
fn the_detector_is_chosen_by_a_preset() {
    assert_eq!(check("", &[]).unwrap().detector.preset, Preset::Balanced);
    let said = check("[detector]\npreset = 'strict'", &[]).unwrap();
    assert_eq!(said.detector.preset, Preset::Strict);
    assert!(said.detector.onnx.is_none() && said.resolved.iter().all(|r| !r.key.starts_with("detector.onnx")));
    let wrong = check("[detector]\npreset = 'lax'", &[]).unwrap_err();
    assert!(
        wrong[0].contains("line 2: detector.preset: expected \"rules\" or \"balanced\" or \"strict\""),
        "{wrong:?}"
    );
}

#[test]
fn a_model_of_ones_own_is_a_directory_and_a_library() {
    let onnx = |fields: &str| check(&format!("[detector]\nonnx = {{ {fields} }}"), &[]);
    for (fields, said) in [
        ("dir = 'm'", "line 2: detector.onnx.dir: the runtime is missing; set detector.onnx.library"),
        ("library = '/l.so'", "line 2: detector.onnx.library: the model is missing; set detector.onnx.dir"),
        ("threshold = 0.5", "line 2: detector.onnx.threshold: the model is missing"),
        ("dir = 'm', library = 'l', threshold = 1.5", "detector.onnx.threshold: expected a number from 0 to 1"),
        ("dir = 'm', library = 'l', threshold = 'high'", "detector.onnx.threshold: expected a number from 0 to 1"),
        ("dir = 'm', library = 'l', treshold = 0.5", "detector.onnx.treshold: there is no such setting; did you mean"),
    ] {
        let mistakes = onnx(fields).unwrap_err();
        assert!(mistakes.iter().any(|m| m.contains(said)), "{fields} gives {mistakes:?}");
    }
    let whole = onnx("dir = 'm', library = '/l.so', threshold = 0.25");
    if cfg!(feature = "onnx") {
        let given = whole.unwrap().detector.onnx.unwrap();
        assert_eq!((given.dir.as_path(), given.library.as_path()), (Path::new("/etc/medlock/m"), Path::new("/l.so")));
        assert_eq!(given.threshold, Some(0.25));
        let given = onnx("dir = 'm', library = 'l'").unwrap();
        assert_eq!(given.detector.onnx.unwrap().threshold, None, "the kind of model says it");
        let said = given.resolved.iter().find(|r| r.key == "detector.onnx.threshold").unwrap();
        assert_eq!(said.value, "0.5, of a GLiNER 0.3");
    } else {
        let mistakes = whole.unwrap_err();
        assert!(
            mistakes[0].contains("line 2: detector.onnx.dir: this medlock was built without ONNX models"),
            "{mistakes:?}"
        );
    }
}

#[test]
fn the_environment_is_as_strict_as_the_file() {
    for (name, value, said) in [
        ("MEDLOCK_MODEL__ENGINES", "many", "MEDLOCK_MODEL__ENGINES: model.engines: expected a whole number"),
        ("MEDLOCK_LISTNE", "x", "MEDLOCK_LISTNE: listne: there is no such setting; did you mean listen?"),
    ] {
        assert_eq!(check("", &[(name, value)]).unwrap_err().len(), 1);
        assert!(check("", &[(name, value)]).unwrap_err()[0].contains(said));
    }
    assert!(check("", &[("MEDLOCK_TEST_MODEL_DIR", "/x"), ("MEDLOCK_CONFIG", "/y")]).is_ok());
}

#[test]
fn all_mistakes_come_together_and_none_repeats_a_value() {
    let text = "listen = 'hunter2'\nsurprise = 'hunter2'\n[tls]\nkey = 'hunter2'\n[output]\non_leak = 'hunter2'\n";
    let mistakes = check(text, &[]).unwrap_err();
    assert_eq!(mistakes.len(), 4);
    assert!(mistakes.iter().all(|m| !m.contains("hunter2")), "{mistakes:?}");
}
