//! A recognizer of the operator's own in the guarded path: what it finds is protected, and a text that it
//! cannot search goes nowhere.

use crate::common::{ask, closed, content, of_request, stream_error, streamed};
use medlock_deid::{Detector, Guess, Preset, Recognizer, RecognizerError};
use medlock_domain::PhiClass;
use testkit::{Answer, Say, Server};

/// Knows one name, and breaks on one word.
struct Own;

impl Recognizer for Own {
    fn name(&self) -> &'static str {
        "test:own"
    }

    fn digest(&self) -> &str {
        "00112233445566778899"
    }

    fn recognize(&self, text: &str) -> Result<Vec<Guess>, RecognizerError> {
        if text.contains("unspeakable") {
            return Err(RecognizerError { name: self.name(), why: "it is told to" });
        }
        let guess = |(start, found): (usize, &str)| Guess {
            start,
            end: start + found.len(),
            class: PhiClass::Name,
            confidence: 0.9,
        };
        Ok(text.match_indices("zorblax").map(guess).collect())
    }
}

async fn server() -> Server {
    Server::builder().detector(Detector::with(Preset::Balanced, vec![Box::new(Own)])).start().await
}

fn request(answer: &Answer) -> &str {
    answer.header("x-request-id")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_finds_is_protected_both_ways_and_named_in_the_record() {
    let server = server().await;
    let note = "a note about the zorblax and a cough";
    server.script().say(Say::Echo { chunk: 5 });
    for body in [ask(note), streamed(ask(note))] {
        let answer = server.chat(&body).await;
        assert_eq!(content(&answer), note, "restored");
        assert_eq!(server.script().last_given()[0].text, "a note about the [NAME-1] and a cough");
        closed(&server, request(&answer)).await;
        let permit = of_request(&server, request(&answer)).into_iter().find(|e| e.kind.as_str() == "permit").unwrap();
        let said = permit.facts.word("detector").unwrap();
        assert!(said.ends_with("+test:own@001122334455"), "{said}");
    }
    // Made up by the model, whose request said nothing of it.
    server.script().say(Say::text("It was the zorblax, I think, and nobody else."));
    let answer = server.chat(&ask("a cough")).await;
    assert_eq!(content(&answer), "It was the [NAME], I think, and nobody else.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_it_cannot_search_is_a_503_and_reaches_no_model() {
    let server = server().await;
    let answer = server.chat(&ask("an unspeakable cough")).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "detector_unavailable"));
    assert!(!answer.text.contains("cough") && server.script().given().is_empty());
    let record = closed(&server, request(&answer)).await;
    assert_eq!(record.facts.word("code"), Some("detector_unavailable"));
    assert_eq!(server.chat(&ask("a cough")).await.status, 200, "others are served");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_does_an_answer_go_on_that_it_cannot_search() {
    let server = server().await;
    let said = format!("{}and an unspeakable rest.", "The patient is well today. ".repeat(12));
    server.script().say(Say::cut(&said, 9));
    let whole = server.chat(&ask("a cough")).await;
    assert_eq!((whole.status.as_u16(), whole.code().as_str()), (503, "detector_unavailable"));
    let pieces = server.chat(&streamed(ask("a cough"))).await;
    assert_eq!(stream_error(&pieces.text), "detector_unavailable");
    assert!(!pieces.text.contains("unspeakable") && !pieces.text.contains("rest."), "{}", pieces.text);
}
