//! The first sound: who is slow gets company, and who speaks first is heard.

use std::{collections::VecDeque, future::poll_fn, task::Poll, time::Duration};

use evervoice_core::{
    audio::AudioStream,
    fault::Fault,
    tts::{SpeechRequest, TtsError},
};
use tokio::time::{Instant, sleep_until};

use super::{
    chain::{Begun, Chain, Started},
    listener::Listener,
};

/// Somebody who may speak, and what to ask them.
pub(super) struct Candidate {
    /// Its place in the chain.
    pub link: usize,
    pub request: SpeechRequest,
    /// It has not the voice that was asked for: better than silence, but no company for one that has it.
    pub instead: bool,
}

/// The providers that have been started for one request, and those that have not.
pub(super) struct Race<'a> {
    chain: &'a Chain,
    id: String,
    /// Nobody gets company while he has enough to hear.
    listener: &'a Listener,
    /// After how long without a sound the first one gets company; each further one comes after half of it.
    budget: Option<Duration>,
    /// In order of the chain.
    waiting: VecDeque<Candidate>,
    running: Vec<Started<'a>>,
    /// When the next one starts beside those that run, if the listener needs it then.
    company: Option<Instant>,
    /// One has been started because another was slow.
    hedged: bool,
    /// What went wrong, with the place in the chain. An outage is told rather than what another provider says about the
    /// request.
    outage: Option<(usize, TtsError)>,
    refusal: Option<TtsError>,
}

impl<'a> Race<'a> {
    pub fn new(
        chain: &'a Chain,
        id: &str,
        listener: &'a Listener,
        budget: Option<Duration>,
        candidates: VecDeque<Candidate>,
    ) -> Self {
        let (id, running, company, hedged, outage, refusal) = (id.to_owned(), Vec::new(), None, false, None, None);
        Self { chain, id, listener, budget, waiting: candidates, running, company, hedged, outage, refusal }
    }

    /// Runs it. Adds to `asked` who failed, and who won.
    ///
    /// Who was only slower is not added: nothing of it was heard, so it may go on should the winner die, which is better than
    /// silence.
    ///
    /// # Errors
    /// What the one failed at that comes first in the chain; else what is wrong with the request.
    pub async fn run(mut self, asked: &mut Vec<usize>) -> Result<Begun, TtsError> {
        loop {
            if self.running.is_empty() && !self.start_next(asked) {
                let outage = self.outage.map(|(_, error)| error);
                return Err(outage.or(self.refusal).unwrap_or(TtsError::NothingToSpeak));
            }
            let changed = self.listener.changed();
            let company = self.company.filter(|_| self.company_waits()).map(|at| at.max(self.listener.reserve()));
            tokio::select! {
                biased;
                (at, spoken) = first_of(&mut self.running) => {
                    let started = self.running.remove(at);
                    asked.push(started.link);
                    match spoken {
                        Ok(stream) => return Ok(self.won(started, stream)),
                        Err(error) => self.lost(started, error, asked),
                    }
                }
                () = changed, if company.is_some() => {}
                () = sleep_until(company.unwrap_or_else(Instant::now)), if company.is_some() => {
                    // Meanwhile he may have got more to hear.
                    if self.listener.reserve() <= Instant::now() {
                        self.hedged = true;
                        self.start_next(asked);
                    }
                }
            }
        }
    }

    fn company_waits(&self) -> bool {
        self.waiting.front().is_some_and(|next| !next.instead)
    }

    /// Starts the next one that is not left alone. `false` when there is none.
    fn start_next(&mut self, asked: &mut Vec<usize>) -> bool {
        while self.running.is_empty() || self.company_waits() {
            let Some(Candidate { link, request, .. }) = self.waiting.pop_front() else { return false };
            match self.chain.start(link, request) {
                Ok(started) => {
                    let first = self.running.is_empty();
                    self.company = self.budget.map(|budget| started.since + if first { budget } else { budget / 2 });
                    self.running.push(started);
                    return true;
                }
                Err(error) => {
                    asked.push(link);
                    self.went_wrong(link, error);
                }
            }
        }
        false
    }

    /// One has failed: the next one starts at once.
    fn lost(&mut self, started: Started<'_>, error: TtsError, asked: &mut Vec<usize>) {
        let (link, named) = (started.link, started.named);
        self.chain.failed_before(started, &self.id, &error);
        // Who asks for a voice gets no other one because that voice cannot read the text.
        if named && error.fault() == Fault::Caller {
            self.waiting.clear();
        }
        self.went_wrong(link, error);
        self.start_next(asked);
    }

    fn went_wrong(&mut self, link: usize, error: TtsError) {
        if error.fault() == Fault::Caller {
            self.refusal = Some(error);
        } else if self.outage.as_ref().is_none_or(|(before, _)| link < *before) {
            self.outage = Some((link, error));
        }
    }

    /// One has spoken; the others are stopped. Those that had their time and made no sound have failed, but for the log:
    /// else every request would wait for one that is always slow.
    fn won(self, started: Started<'_>, stream: AudioStream) -> Begun {
        let (chain, link, budget) = (self.chain, started.link, self.budget.unwrap_or(Duration::MAX));
        let slow = |started: &Started<'_>| started.since.elapsed() >= budget;
        if self.hedged && slow(&started) {
            chain.events().hedged(&self.id, chain.name(link), chain.name(link));
        }
        chain.began(started);
        for loser in self.running.into_iter().filter(slow) {
            chain.events().hedged(&self.id, chain.name(loser.link), chain.name(link));
            chain.too_slow(loser);
        }
        Begun { link, stream }
    }
}

/// The first one that has an answer, and its place; the earlier one of two. There must be one.
async fn first_of(running: &mut [Started<'_>]) -> (usize, Result<AudioStream, TtsError>) {
    poll_fn(|context| {
        for (at, started) in running.iter_mut().enumerate() {
            if let Poll::Ready(spoken) = started.sound.as_mut().poll(context) {
                return Poll::Ready((at, spoken));
            }
        }
        Poll::Pending
    })
    .await
}
