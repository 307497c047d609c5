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
    ("together::a_conversation_goes_on_where_it_was", a_conversation_goes_on_where_it_was),
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

fn cached(reply: &Reply) -> (u32, u32) {
    match reply {
        Reply::Done { cached_tokens, prompt_tokens, .. } => (*cached_tokens, *prompt_tokens),
        other => panic!("{other:?}"),
    }
}

fn a_conversation_goes_on_where_it_was() {
    let mut engine = Engine::start(1024);
    engine.keep = true;
    let long = "The cat sat on the mat. ".repeat(12);
    let question = format!("{long}What is the capital of France?");
    let mut turn = |scope: Option<u64>, messages: &[(&str, &str)]| {
        engine.scope = scope;
        engine.ask(messages, greedy(16));
        let answer = engine.hear();
        (answer.text, cached(&answer.last))
    };
    let (said, (none, first)) = turn(Some(1), &[("user", &question)]);
    assert_eq!(none, 0, "cold");
    assert!(said.contains("Paris"), "{said}");
    let next = [("user", question.as_str()), ("assistant", said.as_str()), ("user", "And of Spain?")];
    let (second, (reused, prompt)) = turn(Some(1), &next);
    // The model's own words are cut into tokens as it chose them, mostly.
    assert!(reused >= first - 1 && reused < prompt, "{reused} of {prompt}, after {first}");
    println!("  {second:?}, {reused} of {prompt} tokens reused");
    // Another conversation of the scope shares what both begin with, and the first one goes on all the same.
    let other = format!("{long}What is the capital of Spain?");
    let (_, (shared, _)) = turn(Some(1), &[("user", &other)]);
    assert!(shared > 60 && shared < first, "{shared} of {first}");
    assert!(turn(Some(1), &next).1.0 > prompt / 2);
    // Somebody else finds nothing, and the first one finds nothing after them.
    for scope in [Some(2), None, Some(1)] {
        assert_eq!(turn(scope, &next).1.0, 0, "{scope:?}");
    }
    assert!(turn(Some(1), &next).1.0 > 0);
    engine.sender.send(&Request::Forget).unwrap();
    engine.scope = Some(1);
    engine.ask(&next, greedy(16));
    assert_eq!(cached(&engine.hear().last).0, 0, "it was forgotten");
    // More than there is room for: the oldest goes.
    for n in 0..5 {
        engine.ask(&[("user", &format!("{n} {long}{long}"))], greedy(8));
        finish(&engine.hear().last);
    }
}
