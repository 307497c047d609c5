//! The demonstration, on the real model.

use crate::support::{medlock, models};

#[test]
fn quickstart_shows_the_whole_path_and_can_be_run_again() {
    let Some(models) = models() else { return };
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let args = ["quickstart", "--listen", "127.0.0.1:0", "--model-dir", models.to_str().unwrap()];
    let first = medlock(&data, "", &args).code(0);
    for head in [
        "THE FIRST ADMINISTRATOR, SHOWN THIS ONCE",
        "WHAT THE CLIENT SENT",
        "WHAT THE MODEL SAW",
        "WHAT THE MODEL SAID",
        "WHAT THE CLIENT GOT",
        "THE AUDIT RECORD",
        "WHAT TO DO NEXT",
    ] {
        assert!(first.out.contains(head), "{head} in\n{}", first.out);
    }
    for said in
        ["Margaret Ellison", "[NAME-1]", "VERIFIED", "INTACT", "curl --cacert", "openai.OpenAI(", "session login"]
    {
        assert!(first.out.contains(said), "{said} in\n{}", first.out);
    }
    assert!(!first.err.contains("Margaret") && first.err.contains("9. asking over HTTPS"), "{}", first.err);
    medlock(&data, "", &["audit", "verify"]).code(0);

    // Again: everything is used again, only the key is new; and what it says is told to programs too.
    let second = medlock(&data, "", &[&args[..], &["--json"]].concat()).code(0);
    assert!(second.err.contains("used again"), "{}", second.err);
    let told = second.json();
    assert!(told["administrator"].is_null() && !first.out.contains(told["api_key"].as_str().unwrap()));
    let text = |key: &str| told[key].as_str().unwrap().to_owned();
    for identifier in ["Margaret", "Ellison", "48213377", "Whitfield", "555-0132", "2817", "03/14/2024", "04/12/1951"] {
        assert!(text("client_sent").contains(identifier));
        assert!(!text("model_saw").contains(identifier), "the model saw {identifier}");
        assert!(!text("model_said").contains(identifier), "the model said {identifier}");
    }
    assert!(text("model_said").contains("[NAME-1]") && text("client_got").contains("Margaret Ellison"));
    assert_eq!((told["proof"]["verified"].as_bool(), told["log"]["intact"].as_bool()), (Some(true), Some(true)));

    let request = text("request");
    let shown = medlock(&data, "", &["audit", "show", "--request", &request]).code(0).out;
    for kind in ["open", "permit", "release", "close"] {
        assert!(shown.contains(kind), "{kind} in\n{shown}");
    }
    assert!(!shown.contains("Margaret"), "entries are in the clear, content is not");
    let key = data.join("keys/audit-reading.key");
    let opened = ["audit", "show", "--request", &request, "--content", "--reading-key", key.to_str().unwrap()];
    assert!(medlock(&data, "", &opened).code(0).out.contains("Margaret Ellison"));
    let recorded = medlock(&data, "", &["audit", "show", "--kind", "content_read"]).code(0).out;
    assert_eq!(recorded.matches(&request).count(), 2, "quickstart and audit show both read it:\n{recorded}");
    medlock(&data, "", &["audit", "verify"]).code(0);
}
