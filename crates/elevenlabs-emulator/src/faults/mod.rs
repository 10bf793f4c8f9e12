//! Everything that can go wrong on purpose, one switch each.

mod guesses;
mod list;
mod trigger;

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::random::Random;

pub use guesses::Guesses;
pub use list::{Fault, Faults, Group};
pub use trigger::Trigger;

/// Faults, how often each had its opportunity and how often it happened.
#[derive(Debug)]
pub(crate) struct FaultSwitches(Mutex<Switches>);

#[derive(Debug)]
struct Switches {
    faults: Faults,
    opportunities: Vec<u64>,
    happened: Vec<u64>,
    random: Random,
}

/// A fault that happens now, with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Armed {
    pub(crate) fault: Fault,
    pub(crate) trigger: Trigger,
}

impl FaultSwitches {
    pub(crate) fn new(faults: Faults) -> Self {
        Self(Mutex::new(Switches::new(faults)))
    }

    fn lock(&self) -> MutexGuard<'_, Switches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set(&self, faults: Faults) {
        *self.lock() = Switches::new(faults);
    }

    pub(crate) fn get(&self) -> Faults {
        self.lock().faults.clone()
    }

    pub(crate) fn guesses(&self) -> Guesses {
        self.lock().faults.guesses.clone()
    }

    /// One opportunity for each fault of a group: the first that wants it has it; if none does, one drawn by chance at
    /// the rate.
    pub(crate) fn draw(&self, group: Group) -> Option<Armed> {
        let mut switches = self.lock();
        let mut armed = None;
        for fault in Fault::ALL.iter().copied().filter(|fault| fault.group() == group) {
            if let Some(trigger) = switches.want(fault)
                && armed.is_none()
            {
                armed = Some(Armed { fault, trigger });
            }
        }
        armed.or_else(|| switches.draw_by_chance(group))
    }

    /// One opportunity for one fault that can come on top of others.
    pub(crate) fn want(&self, fault: Fault) -> Option<Trigger> {
        self.lock().want(fault)
    }
}

impl Switches {
    fn new(faults: Faults) -> Self {
        let count = Fault::ALL.len();
        Self { random: Random::new(faults.seed), faults, opportunities: vec![0; count], happened: vec![0; count] }
    }

    fn want(&mut self, fault: Fault) -> Option<Trigger> {
        let trigger = self.faults.trigger(fault)?.clone();
        let index = fault as usize;
        self.opportunities[index] += 1;
        let opportunity = self.opportunities[index];
        let wanted = trigger.times.is_none_or(|times| self.happened[index] < times)
            && trigger.every.is_none_or(|every| every > 0 && opportunity.is_multiple_of(every))
            && trigger.nth.is_none_or(|nth| opportunity == nth)
            && trigger.probability.is_none_or(|probability| self.random.fraction() < probability);
        self.happened[index] += u64::from(wanted);
        wanted.then_some(trigger)
    }

    fn draw_by_chance(&mut self, group: Group) -> Option<Armed> {
        if self.faults.rate <= 0.0 || self.random.fraction() >= self.faults.rate {
            return None;
        }
        let candidates: Vec<Fault> = Fault::ALL.iter().copied().filter(|f| f.group() == group).collect();
        let fault = *candidates.get(self.random.below(candidates.len().max(1) as u64) as usize)?;
        self.happened[fault as usize] += 1;
        // In the middle of the sound may be anywhere.
        let after = self.random.below(3) * 300;
        Some(Armed { fault, trigger: Trigger { after_audio_ms: Some(after), ..Trigger::always() } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn happens(trigger: Trigger, opportunities: usize) -> Vec<bool> {
        let switches = FaultSwitches::new(Faults { http_5xx: Some(trigger), ..Faults::default() });
        (0..opportunities).map(|_| switches.want(Fault::Http5xx).is_some()).collect()
    }

    #[test]
    fn triggers_say_when() {
        assert_eq!(happens(Trigger::always(), 3), [true, true, true]);
        assert_eq!(happens(Trigger::once(), 3), [true, false, false]);
        assert_eq!(happens(Trigger::nth(2), 4), [false, true, false, false]);
        assert_eq!(happens(Trigger::every(2), 4), [false, true, false, true]);
        assert_eq!(happens(Trigger::every(2).times(1), 4), [false, true, false, false]);
        assert_eq!(happens(Trigger::probability(0.0), 50), [false; 50]);
        let often = happens(Trigger::probability(0.3), 1000).iter().filter(|happened| **happened).count();
        assert!((200..400).contains(&often), "{often}");
    }

    #[test]
    fn the_rate_draws_any_of_the_group() {
        let switches = FaultSwitches::new(Faults { rate: 0.5, seed: 7, ..Faults::default() });
        let drawn: Vec<_> = (0..2000).filter_map(|_| switches.draw(Group::Utterance)).collect();
        assert!((800..1200).contains(&drawn.len()));
        for fault in Fault::ALL.iter().filter(|fault| fault.group() == Group::Utterance) {
            assert!(drawn.iter().any(|armed| armed.fault == *fault), "{fault:?} was never drawn");
        }
        assert!(switches.draw(Group::Spelling).is_none() || drawn.len() > 1);
    }

    #[test]
    fn the_readme_names_every_switch_and_no_other() {
        let readme = include_str!("../../README.md");
        let rows = readme.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name);
        let named: Vec<&str> = rows.filter(|name| !name.contains(' ')).collect();
        let switches: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
        assert_eq!(named, switches);
    }

    #[test]
    fn names_are_those_of_the_fields() {
        let json = r#"{"ws_reset": {"every": 2}, "http_5xx": {"times": 1, "status": 503}, "rate": 0.1, "seed": 3,
            "guesses": {"empty_flush_closes": true}}"#;
        let faults: Faults = serde_json::from_str(json).expect("known names");
        assert_eq!(faults.ws_reset, Some(Trigger::every(2)));
        assert_eq!(faults.http_5xx, Some(Trigger::once().status(503)));
        assert!(faults.guesses.empty_flush_closes && faults.guesses.wrapper_frames_fail);
        assert!(serde_json::from_str::<Faults>(r#"{"ws_rest": {}}"#).is_err());
        assert!(serde_json::from_str::<Faults>(r#"{"ws_reset": {"evry": 1}}"#).is_err());
    }
}
