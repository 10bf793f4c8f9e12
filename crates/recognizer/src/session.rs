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
const TURN: Duration = Duration::from_millis(10);

/// When nobody waits, a turn is longer: each change of threads finds cold caches, and together they cost several per cent
/// of the decoding. Not without end, because a session that was dropped holds its thread until its turn is over.
const UNDISTURBED_TURN: Duration = Duration::from_millis(50);

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
    /// Everything that is said in `samples`, by a recogniser that `create` makes. One job from the first to the last
    /// step, as long as nobody else waits: each hand-over to a sleeping thread costs a tenth of a millisecond.
    pub(crate) async fn transcribe(
        pool: WorkerPool,
        create: impl FnOnce() -> Result<Box<dyn Recognizer>, AsrError> + Send + 'static,
        budget: Duration,
        place: OwnedSemaphorePermit,
        samples: Vec<i16>,
    ) -> Result<Vec<Utterance>, AsrError> {
        let begin = {
            let pool = pool.clone();
            move || -> Result<(Work, Turn), AsrError> {
                let began = Instant::now();
                let recognizer = create()?;
                let mut work = Work { recognizer, spent: began.elapsed(), _place: place };
                let turn = Turn::new(samples).take(&mut work, &pool, budget, Then::Finish)?;
                Ok((work, turn))
            }
        };
        let (work, turn) = pool.run(begin).await.map_err(|error| AsrError::Engine(error.to_string()))??;
        Self { pool, budget, work: Some(work) }.go_on(turn, Then::Finish).await
    }

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
        let utterances = self.feed(samples, Then::GoOn).await?;
        let partial = self.job(|work| work.recognizer.partial()).await?;
        Ok(Heard { utterances, partial })
    }

    /// Gives the engine `samples` step by step, in turns.
    async fn feed(&mut self, samples: Vec<i16>, then: Then) -> Result<Vec<Utterance>, AsrError> {
        self.go_on(Turn::new(samples), then).await
    }

    async fn go_on(&mut self, mut turn: Turn, then: Then) -> Result<Vec<Utterance>, AsrError> {
        while !turn.ended {
            let (pool, budget) = (self.pool.clone(), self.budget);
            turn = self.job(move |work| turn.take(work, &pool, budget, then)).await?;
        }
        Ok(turn.found)
    }

    /// Ends the session and gives the words that have not been given yet.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn finish(mut self) -> Result<Utterance, AsrError> {
        let budget = self.budget;
        self.job(move |work| work.timed(budget, |recognizer| recognizer.finish())).await
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

/// What comes after the last sample.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// More samples, or the end: that is the caller's to say.
    GoOn,
    /// The end of the session.
    Finish,
}

/// Sound on its way into the engine.
struct Turn {
    samples: Vec<i16>,
    done: usize,
    found: Vec<Utterance>,
    ended: bool,
}

impl Turn {
    fn new(samples: Vec<i16>) -> Self {
        Self { samples, done: 0, found: Vec::new(), ended: false }
    }

    /// Steps until the sound is through, or until it is another session's turn.
    fn take(mut self, work: &mut Work, pool: &WorkerPool, budget: Duration, then: Then) -> Result<Self, AsrError> {
        let began = Instant::now();
        while self.done < self.samples.len() {
            let end = (self.done + STEP_SAMPLES).min(self.samples.len());
            let step = &self.samples[self.done..end];
            self.found.extend(work.timed(budget, |recognizer| recognizer.accept(step))?);
            self.done = end;
            let turn = if pool.waiting() == 0 { UNDISTURBED_TURN } else { TURN };
            if began.elapsed() >= turn && self.done < self.samples.len() {
                return Ok(self);
            }
        }
        if then == Then::Finish {
            self.found.push(work.timed(budget, |recognizer| recognizer.finish())?);
        }
        self.ended = true;
        Ok(self)
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
        session.accept(vec![0; STEP_SAMPLES * 3]).await.unwrap();
        assert_eq!(session.finish().await.unwrap().text, "rest");
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
