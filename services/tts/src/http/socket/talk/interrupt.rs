//! The caller interrupts: what stops, and what has been heard of it.

use std::{cmp::Ordering, time::Duration};

use evervoice_core::api::{CancelReason, TtsEvent};
use tokio::time::Instant;

use super::{Outgoing, Talk};
use crate::http::socket::{messages::event_message, sounding::Sounding};

/// How far a client may be behind the server's clock when it says what it has played: the network, and its buffer.
pub(super) const BEHIND: Duration = Duration::from_secs(2);

/// How far it may seem to be ahead, in ms: it may count a frame as played that it has just begun.
const AHEAD_MS: u64 = 100;

impl Talk {
    /// Whether the caller may interrupt now: something is heard that has been heard for long enough.
    pub(in crate::http::socket) fn can_be_interrupted(&self, holdoff: Duration) -> bool {
        let now = Instant::now();
        let heard = self.soundings().find(|sounding| sounding.is_played(now));
        heard.and_then(Sounding::first_played).is_some_and(|first| now >= first + holdoff)
    }

    /// Of which one a client speaks that says that it has played so many ms of it, as a place in [`soundings`](Self::soundings):
    /// of the newest one that it can have got so far into, if it may be behind the server's clock by [`BEHIND`], else of the
    /// oldest one that is still played.
    fn meant(&self, id: Option<&str>, played_ms: u64, now: Instant) -> Option<usize> {
        let is_speech = |sounding: &Sounding| sounding.instead_of.is_none();
        let wanted = |sounding: &Sounding| is_speech(sounding) && id.is_none_or(|id| id == sounding.id);
        let can_be = |sounding: &Sounding| {
            let behind = |there: u64| {
                let over = sounding.dry().map_or(Duration::ZERO, |dry| now.saturating_duration_since(dry));
                Duration::from_millis(there.saturating_sub(played_ms)) + over
            };
            let got_to = sounding.played_ms(now).filter(|there| played_ms <= there.saturating_add(AHEAD_MS));
            got_to.is_some_and(|there| sounding.is_played(now) || behind(there) <= BEHIND)
        };
        let newest = self.soundings().enumerate().filter(|(_, it)| wanted(it) && can_be(it)).last();
        let oldest = || self.soundings().enumerate().find(|(_, it)| wanted(it) && it.is_played(now));
        newest.or_else(oldest).map(|(place, _)| place)
    }

    /// Stops what is said, what is still played, and what waits under this name, or under all; `false` when there is nothing. It
    /// was asked for at `since`.
    pub(in crate::http::socket) fn stop(
        &mut self,
        id: Option<&str>,
        played_ms: Option<u64>,
        reason: CancelReason,
        since: Instant,
    ) -> bool {
        let wanted = |candidate: &str| id.is_none_or(|id| id == candidate);
        let now = Instant::now();
        let meant = played_ms.and_then(|ms| self.meant(id, ms, now));
        let mut skipped = Duration::ZERO;
        let mut cancelled: Vec<TtsEvent> = Vec::new();
        let mut failed = None;
        let mut place = 0;
        let mut keep = |sounding: &mut Sounding, is_present: bool| {
            let order = meant.map(|meant| place.cmp(&meant));
            place += 1;
            if !wanted(&sounding.id) {
                sounding.sooner(skipped);
                return true;
            }
            skipped += sounding.ahead(now);
            let played_ms = match order {
                Some(Ordering::Equal) => played_ms,
                // The client has not come to it.
                Some(Ordering::Greater) => Some(0),
                Some(Ordering::Less) | None => None,
            };
            // An utterance and the outage after it are one, which is told of once.
            let told = sounding.instead_of.is_some() && failed.as_ref() == Some(&sounding.id);
            if !told && (is_present || sounding.is_played(now) || order == Some(Ordering::Equal)) {
                failed = Some(sounding.id.clone()).filter(|_| sounding.given_up);
                cancelled.push(sounding.cancelled(reason, played_ms, now));
            }
            false
        };
        self.played.retain_mut(|played| keep(played, false));
        self.present.take_if(|present| !keep(present, true));
        let beginning = self.beginning.take_if(|beginning| wanted(&beginning.script.id)).map(|it| it.script);
        let silent = beginning.into_iter().chain(self.queue.take(|script| wanted(&script.id)));
        cancelled.extend(silent.map(|script| Sounding::of_said(script).cancelled(reason, None, now)));
        let name = match reason {
            CancelReason::Cancel => "cancel",
            CancelReason::BargeIn => "barge_in",
        };
        let (any, mut interrupted) = (!cancelled.is_empty(), Some((name, since)));
        for event in cancelled {
            let message = event_message(&event);
            let interrupted = interrupted.take();
            self.outbox.push_back(Outgoing { message, lasting: true, end_of: None, interrupted });
        }
        // More of its text may be under way: it is for nobody until its `end`.
        if let Some(writing) = self.writing.as_mut().filter(|writing| wanted(&writing.id)) {
            writing.stopped = true;
        }
        any
    }
}
