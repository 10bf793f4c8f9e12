//! What waits on a conversation for what is being said.

use std::collections::VecDeque;

use super::script::Script;
use crate::events::Events;

/// Scripts in the order in which they are spoken, counted in the metric `tts_waiting`.
pub struct Queue {
    scripts: VecDeque<Script>,
    events: Events,
}

impl Queue {
    pub fn new(events: Events) -> Self {
        Self { scripts: VecDeque::new(), events }
    }

    pub fn len(&self) -> usize {
        self.scripts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.scripts.is_empty()
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Script> {
        self.scripts.iter_mut()
    }

    pub fn push_back(&mut self, script: Script) {
        self.events.waiting(1);
        self.scripts.push_back(script);
    }

    /// One that has begun and waits again.
    pub fn push_front(&mut self, script: Script) {
        self.events.waiting(1);
        self.scripts.push_front(script);
    }

    pub fn pop_front(&mut self) -> Option<Script> {
        let script = self.scripts.pop_front()?;
        self.events.waiting(-1);
        Some(script)
    }

    /// Takes those out that are `wanted`.
    pub fn take(&mut self, wanted: impl Fn(&Script) -> bool) -> Vec<Script> {
        let (mut taken, mut staying) = (Vec::new(), VecDeque::new());
        for script in self.scripts.drain(..) {
            if wanted(&script) {
                taken.push(script);
            } else {
                staying.push_back(script);
            }
        }
        self.scripts = staying;
        self.events.waiting(-(taken.len() as i64));
        taken
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.events.waiting(-(self.scripts.len() as i64));
    }
}
