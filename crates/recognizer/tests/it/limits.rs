//! Budgets, places, and many sessions at once.

use std::time::Duration;

use evervoice_core::asr::AsrError;
use evervoice_recognizer::{EngineSettings, LoadError, ModelSource, RecognizerEngine, SessionKind, SessionOptions};

use crate::support::{clip, engine, engine_with, request, transcribe};

const SMALL: EngineSettings =
    EngineSettings { threads: 2, queue: 3, streams: 2, retry_after: Duration::from_millis(700) };

fn stream() -> SessionOptions {
    SessionOptions { kind: SessionKind::Stream, ..request() }
}

#[tokio::test]
async fn a_budget_ends_one_session_and_not_the_next() {
    let engine = engine();
    let hurried = SessionOptions { budget: Duration::ZERO, ..request() };
    let error = transcribe(&engine, hurried, clip("hello")).await.unwrap_err();
    assert!(matches!(error, AsrError::BudgetExceeded { budget_ms: 0 }), "{error}");
    assert_eq!(transcribe(&engine, request(), clip("digits")).await.unwrap(), "one two three four five");
}

#[tokio::test]
async fn places_are_taken_given_back_and_counted_by_kind() {
    let engine = engine_with(SMALL);
    let mut held = vec![];
    for _ in 0..5 {
        held.push(engine.session(request()).await.unwrap());
    }
    let refused = engine.session(request()).await.err().unwrap();
    assert!(matches!(refused, AsrError::Overloaded { retry_after } if retry_after == Duration::from_millis(700)));
    assert_eq!((engine.free_places(SessionKind::Request), engine.free_places(SessionKind::Stream)), (0, 2));
    let streams = [engine.session(stream()).await.unwrap(), engine.session(stream()).await.unwrap()];
    assert!(engine.session(stream()).await.is_err());
    drop(held.pop());
    assert!(engine.session(request()).await.is_ok());
    for session in streams {
        session.finish().await.unwrap();
    }
    assert_eq!(engine.free_places(SessionKind::Stream), 2);
}

#[tokio::test]
async fn idle_sessions_hold_no_thread() {
    let settings = EngineSettings { threads: 1, streams: 20, ..SMALL };
    let engine = engine_with(settings);
    let mut idle = vec![];
    for _ in 0..20 {
        let mut session = engine.session(stream()).await.unwrap();
        session.accept(clip("fox")[..8_000].to_vec()).await.unwrap();
        idle.push(session);
    }
    assert_eq!(transcribe(&engine, request(), clip("digits")).await.unwrap(), "one two three four five");
    for mut session in idle {
        session.accept(clip("fox")[8_000..].to_vec()).await.unwrap();
    }
}

#[tokio::test]
async fn two_hundred_at_once_are_right_or_refused() {
    let engine = engine_with(SMALL);
    let all = (0..200).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { transcribe(&engine, request(), clip("digits")).await })
    });
    let (mut right, mut refused) = (0, 0);
    for one in all.collect::<Vec<_>>() {
        match one.await.unwrap() {
            Ok(text) => {
                assert_eq!(text, "one two three four five");
                right += 1;
            }
            Err(AsrError::Overloaded { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(right >= 5 && refused > 0, "{right} right, {refused} refused");
    assert_eq!(engine.free_places(SessionKind::Request), 5);
}

#[test]
fn a_directory_that_is_no_model_is_told() {
    let source = ModelSource::Directory("/no/such/model".into());
    let error = RecognizerEngine::load(&source, SMALL).err().unwrap();
    assert!(matches!(&error, LoadError::Incomplete { .. }), "{error}");
    assert!(error.to_string().contains("/no/such/model is not a Vosk model: am/final.mdl"), "{error}");
}
