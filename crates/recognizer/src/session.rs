//! One piece of speech on its way through the engine.

use std::time::{Duration, Instant};

use evervoice_core::{
    asr::{AsrError, Recognizer, Utterance},
    worker::WorkerPool,
};
use tokio::sync::OwnedSemaphorePermit;

/// Samples of one step: 0.2 s at 16 kHz. The budget is looked at between steps.
pub const STEP_SAMPLES: usize = 3_200;

/// A thread belongs to a session for so long, or for one step where that takes longer; then it is another one's turn.
/// Each change costs two hand-overs between threads.
const TURN: Duration = Duration::from_millis(10);

/// What was heard in one piece of sound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heard {
    /// Utterances that ended in it, in order. One without words is a pause that ended nothing.
    pub utterances: Vec<Utterance>,
    /// The words so far of the utterance that is going on; they may still change.
    pub partial: String,
}

/// One recognition, from its first sample to its last. Dropping it gives its place to another.
pub struct Session {
    pool: WorkerPool,
    budget: Duration,
    /// `None` after an error: the session is over.
    work: Option<Work>,
}

/// What travels to the thread and back.
struct Work {
    recognizer: Box<dyn Recognizer>,
    /// Time spent inside the engine.
    spent: Duration,
    /// The session's place. It is here, not in [`Session`], because a dropped session may still be in a step.
    _place: OwnedSemaphorePermit,
}

impl Session {
    pub(crate) fn new(
        pool: WorkerPool,
        recognizer: Box<dyn Recognizer>,
        spent: Duration,
        budget: Duration,
        place: OwnedSemaphorePermit,
    ) -> Self {
        Self { pool, budget, work: Some(Work { recognizer, spent, _place: place }) }
    }

    /// Takes mono sound at 16 kHz, any number of samples.
    ///
    /// # Errors
    /// [`AsrError::BudgetExceeded`] when the session has used up its time inside the engine, [`AsrError::Engine`] when
    /// the engine failed. The session is over in both cases.
    pub async fn accept(&mut self, samples: Vec<i16>) -> Result<Heard, AsrError> {
        if samples.is_empty() {
            return Ok(Heard::default());
        }
        let utterances = self.feed(samples).await?;
        let partial = self.job(|work| work.recognizer.partial()).await?;
        Ok(Heard { utterances, partial })
    }

    /// Gives the engine `samples` step by step, in turns.
    async fn feed(&mut self, samples: Vec<i16>) -> Result<Vec<Utterance>, AsrError> {
        let (mut utterances, mut samples, mut done) = (Vec::new(), samples, 0);
        while done < samples.len() {
            let budget = self.budget;
            let turn = move |work: &mut Work| {
                let (began, mut found) = (Instant::now(), Vec::new());
                loop {
                    let end = (done + STEP_SAMPLES).min(samples.len());
                    let step = work.timed(budget, |recognizer| recognizer.accept(&samples[done..end]))?;
                    found.extend(step);
                    done = end;
                    if done == samples.len() || began.elapsed() >= TURN {
                        return Ok((samples, done, found));
                    }
                }
            };
            let found;
            (samples, done, found) = self.job(turn).await?;
            utterances.extend(found);
        }
        Ok(utterances)
    }

    /// Ends the session and gives the words that have not been given yet.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn finish(mut self) -> Result<Utterance, AsrError> {
        let budget = self.budget;
        self.job(move |work| work.timed(budget, |recognizer| recognizer.finish())).await
    }

    /// Everything that is said in `samples`.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn transcribe(mut self, samples: Vec<i16>) -> Result<Vec<Utterance>, AsrError> {
        let mut utterances = self.feed(samples).await?;
        utterances.push(self.finish().await?);
        Ok(utterances)
    }

    /// Gives the session more time inside the engine, for sound whose length was not known when it began.
    pub fn extend_budget(&mut self, by: Duration) {
        self.budget = self.budget.saturating_add(by);
    }

    /// Runs a job on one of the pool's threads. The session is over when it fails.
    async fn job<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Work) -> Result<T, AsrError> + Send + 'static,
    ) -> Result<T, AsrError> {
        let over = || AsrError::Engine("the session ended with an earlier error".into());
        let mut work = self.work.take().ok_or_else(over)?;
        let run = move || {
            let result = job(&mut work);
            (work, result)
        };
        let (work, result) = self.pool.run(run).await.map_err(|error| AsrError::Engine(error.to_string()))?;
        if result.is_ok() {
            self.work = Some(work);
        }
        result
    }
}

impl Work {
    /// One step of the engine, if there is budget left for it.
    fn timed<T>(
        &mut self,
        budget: Duration,
        step: impl FnOnce(&mut dyn Recognizer) -> Result<T, AsrError>,
    ) -> Result<T, AsrError> {
        if self.spent > budget {
            let budget_ms = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
            return Err(AsrError::BudgetExceeded { budget_ms });
        }
        let began = Instant::now();
        let result = step(&mut *self.recognizer);
        self.spent += began.elapsed();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use tokio::sync::Semaphore;

    use super::*;

    /// Reports the length of each step; an utterance ends with a step whose first sample is 1, -1 panics.
    struct Fake {
        step_takes: Duration,
        last: String,
    }

    impl Recognizer for Fake {
        fn accept(&mut self, samples: &[i16]) -> Result<Option<Utterance>, AsrError> {
            thread::sleep(self.step_takes);
            self.last = samples.len().to_string();
            match samples[0] {
                -1 => panic!("NaN in the result"),
                -2 => Err(AsrError::Engine("no".into())),
                1 => Ok(Some(Utterance { text: self.last.clone(), segments: vec![] })),
                _ => Ok(None),
            }
        }

        fn partial(&mut self) -> Result<String, AsrError> {
            Ok(self.last.clone())
        }

        fn finish(&mut self) -> Result<Utterance, AsrError> {
            Ok(Utterance { text: "rest".into(), segments: vec![] })
        }
    }

    fn session(step_takes_ms: u64, budget_ms: u64) -> (Session, Arc<Semaphore>) {
        let places = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&places).try_acquire_owned().unwrap();
        let fake = Box::new(Fake { step_takes: Duration::from_millis(step_takes_ms), last: String::new() });
        let pool = WorkerPool::start("test", 1, 1).unwrap();
        (Session::new(pool, fake, Duration::ZERO, Duration::from_millis(budget_ms), place), places)
    }

    fn texts(utterances: &[Utterance]) -> Vec<&str> {
        utterances.iter().map(|said| said.text.as_str()).collect()
    }

    #[tokio::test]
    async fn long_sound_goes_in_steps_and_every_utterance_comes_out() {
        let (mut session, _) = session(0, 1000);
        let mut samples = vec![0; STEP_SAMPLES * 2 + 7];
        samples[0] = 1;
        samples[STEP_SAMPLES] = 1;
        let heard = session.accept(samples).await.unwrap();
        assert_eq!((texts(&heard.utterances), heard.partial.as_str()), (vec!["3200", "3200"], "7"));
        assert_eq!(session.finish().await.unwrap().text, "rest");
    }

    #[tokio::test]
    async fn no_sound_is_no_step() {
        let (mut session, _) = session(0, 1000);
        assert_eq!(session.accept(vec![]).await.unwrap(), Heard::default());
    }

    #[tokio::test]
    async fn the_budget_ends_a_session_between_steps_and_frees_its_place() {
        let (mut session, places) = session(20, 30);
        let error = session.accept(vec![0; STEP_SAMPLES * 50]).await.unwrap_err();
        assert!(matches!(error, AsrError::BudgetExceeded { budget_ms: 30 }), "{error}");
        assert_eq!(places.available_permits(), 1);
        assert!(matches!(session.accept(vec![0]).await, Err(AsrError::Engine(_))));
    }

    #[tokio::test]
    async fn a_longer_budget_lets_it_go_on() {
        let (mut session, _) = session(20, 0);
        session.extend_budget(Duration::from_secs(5));
        assert_eq!(session.transcribe(vec![0; STEP_SAMPLES * 3]).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_panic_and_an_error_of_the_engine_end_the_session_and_free_its_place() {
        for (sample, message) in [(-1, "the engine panicked: NaN in the result"), (-2, "no")] {
            let (mut session, places) = session(0, 1000);
            let error = session.accept(vec![sample]).await.unwrap_err();
            assert!(matches!(&error, AsrError::Engine(text) if text == message), "{error}");
            assert_eq!(places.available_permits(), 1);
        }
    }

    #[tokio::test]
    async fn a_dropped_session_keeps_its_place_until_its_step_ends() {
        let (mut session, places) = session(150, 1000);
        let waited = tokio::time::timeout(Duration::from_millis(30), session.accept(vec![0])).await;
        assert!(waited.is_err());
        drop(session);
        assert_eq!(places.available_permits(), 0, "the step is still running");
        let freed = tokio::time::timeout(Duration::from_secs(5), places.acquire()).await;
        assert!(freed.is_ok());
    }
}
