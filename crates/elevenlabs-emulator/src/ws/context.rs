//! One utterance: a context of `/multi-stream-input`, or all there is on `/stream-input`.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use super::Params;
use super::frames::Spelling;
use crate::faults::{Armed, Fault, Group};
use crate::state::{Counted, State};
use crate::synthesis::Synthesis;

/// When generation starts, in characters that wait: the default of `chunk_length_schedule`.
const SCHEDULE: [usize; 4] = [120, 160, 250, 290];

/// A text that is being spoken.
#[derive(Debug)]
struct Unit {
    rest: VecDeque<char>,
    /// When its first sound is ready; real time.
    ready: Duration,
    /// The sound of the utterance before it.
    before: Option<Duration>,
}

pub(super) struct Context {
    /// None on `/stream-input`.
    pub(super) id: Option<String>,
    /// The voice settings of the first message.
    pub(super) settings: Option<Value>,
    /// When it got its last message; the clock of the configuration.
    pub(super) last_input: Duration,
    /// No more input: the final frame follows the last sound.
    pub(super) ending: bool,
    pub(super) armed: Option<Armed>,
    pub(super) spelling: Spelling,
    schedule: Vec<usize>,
    buffer: String,
    units: VecDeque<Unit>,
    synthesis: Synthesis,
    frames: usize,
    tail_sent: bool,
    /// Nothing comes any more, without anybody being told.
    stuck: bool,
    _open: Counted,
}

/// What a context sends next.
pub(super) enum Step {
    Frame(String),
    /// The final frame: the context is over.
    Last(String),
    /// A fault that ends the socket.
    Break(Armed),
    /// Nothing.
    Idle,
}

impl Context {
    /// `first` is the first message.
    pub(super) fn new(state: &State, params: &Params, id: Option<String>, first: &Value) -> Self {
        let settings = first.get("voice_settings").filter(|settings| !settings.is_null()).cloned();
        let speed = settings.as_ref().and_then(|settings| settings["speed"].as_f64()).unwrap_or(1.0);
        let schedule: Option<Vec<usize>> = first["generation_config"]["chunk_length_schedule"]
            .as_array()
            .map(|items| items.iter().filter_map(Value::as_u64).map(|item| item as usize).collect());
        Self {
            id,
            settings,
            last_input: state.config.clock.now(),
            ending: false,
            armed: state.faults.draw(Group::Utterance),
            spelling: Spelling::draw(state),
            schedule: schedule.filter(|items| !items.is_empty()).unwrap_or(SCHEDULE.to_vec()),
            buffer: String::new(),
            units: VecDeque::new(),
            synthesis: Synthesis::new(state, params.format, speed),
            frames: 0,
            tail_sent: false,
            stuck: false,
            _open: state.contexts.up(),
        }
    }

    fn is_armed(&self, fault: Fault) -> bool {
        self.armed.as_ref().is_some_and(|armed| armed.fault == fault)
    }

    /// Takes text as it came, and generates when enough has gathered.
    pub(super) fn add_text(&mut self, state: &State, text: &str, try_trigger: bool) {
        self.buffer.push_str(text);
        let waiting = self.buffer.chars().count();
        let triggered = try_trigger && waiting >= state.faults.guesses().try_trigger_minimum;
        if triggered || waiting >= self.schedule[0] {
            self.generate(state);
            // The last item stays.
            if self.schedule.len() > 1 {
                self.schedule.remove(0);
            }
        }
    }

    /// Takes a message as a phrase of its own: trimmed, with a space behind.
    pub(super) fn add_phrase(&mut self, state: &State, text: &str) {
        if !text.trim().is_empty() {
            self.buffer = format!("{} ", text.trim());
            self.generate(state);
        }
    }

    /// Generates what has gathered.
    pub(super) fn generate(&mut self, state: &State) {
        let rest: VecDeque<char> = std::mem::take(&mut self.buffer).chars().collect();
        if rest.is_empty() || self.is_armed(Fault::WsSilent) || self.is_armed(Fault::WsLost) {
            return;
        }
        self.units.push_back(Unit { rest, ready: state.real.now() + state.config.first_byte, before: None });
    }

    /// No more input. What was not flushed is spoken on `/stream-input` and lost in a context.
    pub(super) fn end(&mut self, state: &State) {
        if self.ending {
            return;
        }
        if self.id.is_none() {
            self.generate(state);
        }
        self.buffer.clear();
        self.ending = true;
        if self.id.is_some() && self.frames == 0 && !self.units.is_empty() {
            if state.faults.want(Fault::WsCloseRace).is_some() {
                self.units.clear();
            } else if state.faults.want(Fault::WsCloseRaceLost).is_some() {
                self.units.clear();
                self.stuck = true;
            }
        }
    }

    /// Whether it takes one of the places for generation.
    pub(super) fn is_generating(&self) -> bool {
        !self.units.is_empty()
    }

    /// When [`Context::step`] has something; real time.
    pub(super) fn due(&self, state: &State) -> Option<Duration> {
        if self.stuck {
            return None;
        }
        let Some(unit) = self.units.front() else {
            // A fault that waits for more sound than there is happens at the end of it, and not while text may still come.
            let breaks = self.armed.as_ref().is_some_and(|armed| {
                (armed.fault == Fault::WsStall || ends_socket(armed.fault))
                    && armed.trigger.is_due(self.synthesis.position())
            });
            return (self.ending || (self.frames > 0 && breaks)).then_some(Duration::ZERO);
        };
        let spoken = unit.before.map_or(Duration::ZERO, |before| self.synthesis.position() - before);
        let pace = state.config.pace;
        Some(unit.ready + if pace > 0.0 { spoken.div_f64(pace) } else { Duration::ZERO })
    }

    pub(super) fn step(&mut self, state: &State) -> Step {
        let done = self.units.is_empty();
        let breaking = self.armed.as_ref().is_some_and(|armed| ends_socket(armed.fault));
        if let Some(armed) =
            self.armed.take_if(|armed| breaking && (armed.trigger.is_due(self.synthesis.position()) || done))
        {
            return Step::Break(armed);
        }
        let stalls = self.armed.as_ref().is_some_and(|armed| {
            armed.fault == Fault::WsStall && (armed.trigger.is_due(self.synthesis.position()) || done)
        });
        if stalls || (done && (self.is_armed(Fault::WsLost) || self.is_armed(Fault::WsNoFinal))) {
            self.stuck = true;
            return self.rest();
        }
        if done { self.last() } else { self.sound(state) }
    }

    /// What is still sent by one that gets stuck at its end: all of its sound.
    fn rest(&mut self) -> Step {
        if self.is_armed(Fault::WsNoFinal) && self.frames > 0 { self.tail() } else { Step::Idle }
    }

    fn tail(&mut self) -> Step {
        use base64::Engine;
        self.tail_sent = true;
        let audio = base64::engine::general_purpose::STANDARD.encode(self.synthesis.tail());
        Step::Frame(self.spelling.tail(self.id.as_deref(), &audio))
    }

    fn last(&mut self) -> Step {
        if self.frames > 0 && !self.tail_sent {
            return self.tail();
        }
        Step::Last(self.spelling.last(self.id.as_deref()))
    }

    fn sound(&mut self, state: &State) -> Step {
        let position = self.synthesis.position();
        let count = self.synthesis.characters_in(state.config.frame_ms);
        let Some(unit) = self.units.front_mut() else { return Step::Idle };
        unit.before.get_or_insert(position);
        let piece = self.synthesis.speak(&mut unit.rest, count);
        if unit.rest.is_empty() {
            self.units.pop_front();
            // The next text is generated while this one is spoken, but its sound comes after.
            if let Some(next) = self.units.front_mut() {
                next.ready = next.ready.max(state.real.now());
            }
        }
        self.frames += 1;
        let last = self.units.is_empty();
        let wanted = self.armed.take_if(|armed| {
            matches!(armed.fault, Fault::WsMalformedJson | Fault::WsBadBase64 | Fault::WsLargeFrame)
                && (armed.trigger.is_due(position) || last)
        });
        let context = self.id.as_deref();
        Step::Frame(match wanted.map(|armed| armed.fault) {
            Some(Fault::WsMalformedJson) => "{\"audio\": \"UklG".into(),
            Some(Fault::WsBadBase64) => self.spelling.audio(context, "~not base64~", &piece),
            Some(Fault::WsLargeFrame) => {
                // White space is the padding that changes nothing else.
                format!("{}{}", self.spelling.audio(context, &piece.base64(), &piece), " ".repeat(5 << 18))
            }
            _ => self.spelling.audio(context, &piece.base64(), &piece),
        })
    }

    /// Sound after the final frame.
    pub(super) fn late(&mut self) -> String {
        let piece = self.synthesis.speak(&mut VecDeque::from(['×', '×', '×']), 3);
        self.spelling.audio(self.id.as_deref(), &piece.base64(), &piece)
    }
}

fn ends_socket(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::WsReset
            | Fault::WsAbnormalClose
            | Fault::WsInternalError
            | Fault::WsEarlyClose
            | Fault::WsHalfOpen
            | Fault::WsSomethingWrong
            | Fault::WsQuotaExceeded
            | Fault::WsUnusualActivity
            | Fault::WsInputTimeout
            | Fault::WsTooManyAtOnce
    )
}
