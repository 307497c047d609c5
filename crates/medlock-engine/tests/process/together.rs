//! Requests of one scope, answered at once.

use crate::Test;
use crate::talk::{Engine, finish, greedy};
use medlock_engine::frame::{ErrorCode, Finish, Reply, Request};
use std::collections::HashMap;

pub(crate) const TESTS: &[Test] = &[
    ("together::those_of_one_scope_are_answered_at_once", those_of_one_scope_are_answered_at_once),
    ("together::one_is_cancelled_and_the_others_go_on", one_is_cancelled_and_the_others_go_on),
    ("together::what_does_not_fit_waits_and_is_computed_again", what_does_not_fit_waits_and_is_computed_again),
    ("together::two_scopes_never_meet", two_scopes_never_meet),
];

const QUESTIONS: [&str; 4] =
    ["What is the capital of France?", "Count to five.", "Name three colours.", "Tell me a story about a cat."];

fn ask(engine: &mut Engine, scope: u64, question: &str, tokens: u32) -> u64 {
    engine.scope = Some(scope);
    engine.ask(&[("system", "Be brief."), ("user", question)], greedy(tokens))
}

/// All answers, and in what order the pieces came.
fn hear(engine: &mut Engine, mut open: usize) -> (HashMap<u64, (String, Reply)>, Vec<u64>) {
    let (mut texts, mut ended, mut order) = (HashMap::<u64, String>::new(), HashMap::new(), Vec::new());
    while open > 0 {
        match engine.receiver.receive().unwrap() {
            Reply::Text { id, text } => {
                texts.entry(id).or_default().push_str(&text);
                order.push(id);
            }
            last @ (Reply::Done { id, .. } | Reply::Error { id: Some(id), .. }) => {
                ended.insert(id, (texts.remove(&id).unwrap_or_default(), last));
                open -= 1;
            }
            other => panic!("{other:?}"),
        }
    }
    (ended, order)
}

fn those_of_one_scope_are_answered_at_once() {
    let mut engine = Engine::start(1024);
    let alone: Vec<String> = QUESTIONS
        .map(|question| {
            let id = ask(&mut engine, 1, question, 24);
            hear(&mut engine, 1).0.remove(&id).unwrap().0
        })
        .into();
    let ids = QUESTIONS.map(|question| ask(&mut engine, 2, question, 24));
    let (answers, order) = hear(&mut engine, 4);
    for (id, text) in ids.iter().zip(&alone) {
        assert_eq!(&answers[id].0, text);
    }
    let first_of = |id: &u64| order.iter().position(|of| of == id).unwrap();
    let last_of = |id: &u64| order.iter().rposition(|of| of == id).unwrap();
    assert!(first_of(&ids[3]) < last_of(&ids[0]), "at once, not one after the other: {order:?}");
    // More than have places at once are answered too.
    let ids: Vec<u64> = (0..9).map(|n| ask(&mut engine, 3, QUESTIONS[n % 4], 8)).collect();
    let (answers, _) = hear(&mut engine, 9);
    assert!(ids.iter().all(|id| !answers[id].0.is_empty()));
}

fn one_is_cancelled_and_the_others_go_on() {
    let mut engine = Engine::start(1024);
    let (stays, goes) = (ask(&mut engine, 1, QUESTIONS[3], 60), ask(&mut engine, 1, QUESTIONS[3], 500));
    engine.sender.send(&Request::Cancel { id: goes }).unwrap();
    let (answers, _) = hear(&mut engine, 2);
    assert_eq!(finish(&answers[&goes].1).0, Finish::Cancelled);
    assert_eq!(finish(&answers[&stays].1).2, 60);
    assert!(engine.capital().text.contains("Paris"));
}

fn what_does_not_fit_waits_and_is_computed_again() {
    let mut engine = Engine::start(256);
    let long = format!("{} {}", "Cats are nice.".repeat(8), QUESTIONS[3]);
    let id = ask(&mut engine, 1, &long, 90);
    let alone = hear(&mut engine, 1).0.remove(&id).unwrap();
    let prompt = finish(&alone.1).1;
    // Two fit as they begin, and not as they end; the others have to wait.
    assert!(2 * (prompt + 33) < 256 && 2 * (prompt + 90) > 256, "{prompt}");
    let ids: Vec<u64> = (0..4).map(|_| ask(&mut engine, 2, &long, 90)).collect();
    let (answers, _) = hear(&mut engine, 4);
    for id in ids {
        assert_eq!(finish(&answers[&id].1), finish(&alone.1));
        // In another batch a number is rounded otherwise, and in the end one token is another.
        assert_eq!(answers[&id].0[..60], alone.0[..60]);
    }
}

fn two_scopes_never_meet() {
    for other in [Some(2), None] {
        let mut engine = Engine::start(512);
        ask(&mut engine, 1, QUESTIONS[3], 400);
        engine.scope = other;
        engine.ask(&[("user", "Hello")], greedy(4));
        loop {
            match engine.receiver.receive().unwrap() {
                Reply::Text { .. } => {}
                Reply::Error { id: None, code: ErrorCode::BadRequest } => break,
                other => panic!("{other:?}"),
            }
        }
    }
}
