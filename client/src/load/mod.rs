//! `load`: dialogues on `/ws/tts`, many at once, begun when they are due whether or not the server keeps up.
//!
//! * [`options`]: the command line
//! * [`plan`]: who says what and when
//! * [`line`](mod@line): a user's connection; [`say`](mod@say): one utterance on it; [`listener`]: who hears it
//! * [`far`]: the pretend ElevenLabs behind the gateway, which fails on purpose; [`letters`]: whether a sound says its text
//! * [`record`], [`report`]: what is known of each utterance, and of all

pub mod far;
pub mod letters;
pub mod line;
pub mod listener;
pub mod options;
pub mod plan;
pub mod record;
pub mod report;
pub mod say;

use std::future::pending;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use tokio::time::{Instant, sleep_until};

use self::far::Far;
use self::letters::compare;
use self::line::{Failure, Line};
use self::options::Options;
use self::plan::{Dialogue, Plan, Turn};
use self::record::{Outcome, Record};
use self::report::{Asked, Conditions, Report};
use self::say::{Manner, Said, Sound, ms, say};
use crate::bench::files::make_directory;
use crate::bench::probe;
use crate::error::ClientError;
use crate::options::Common;
use crate::screen::Screen;
use crate::{file, gateway};

/// Connections that are opened at once before the load begins.
const OPENING: usize = 16;

/// Loads, saves the reports and says where they are.
///
/// # Errors
/// [`ClientError::Load`] when an utterance failed, or was not heard letter by letter; the reports are saved then too, as they
/// are when the emulator cannot be healed any more. Any other error: nothing was measured or saved.
pub async fn run(options: Options) -> Result<(), ClientError> {
    options.check()?;
    let plan = Plan::new(&options)?;
    let far = options.emulator.as_deref().map(Far::new).transpose()?;
    make_directory(&options.out)?;
    let screen = Screen::new(options.quiet);
    let conditions = conditions(&options);
    let load = Load::new(&options, far)?;
    screen.wait("Соединение с абонентами");
    load.connect(options.users).await?;
    let broken = match (&load.far, options.fail) {
        (Some(far), Some(share)) => {
            let failing = far.fail(share, options.seed).await;
            let ended = match &failing {
                Ok(()) => Some(load.all(plan, &screen).await),
                Err(_) => None,
            };
            // Whatever happened: nobody else is to find an emulator that fails.
            let healed = far.heal().await;
            (ended, failing.and(healed))
        }
        _ => (Some(load.all(plan, &screen).await), Ok(())),
    };
    screen.done();
    let (Some(ended), healed) = broken else { return broken.1 };
    load.close().await;

    let records = load.records.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unchecked = load.unchecked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let unfinished = ended.started - records.len();
    let asked = Asked { elevenlabs: options.emulator.is_some(), check: options.check };
    let report = Report::new(conditions, &records, ended.took.as_secs_f64(), unfinished, asked);
    save(&options, &report, &records, &screen)?;
    healed?;
    match unchecked {
        Some(error) => Err(error),
        None if report.clean() => Ok(()),
        None => Err(ClientError::Load { failed: report.failed, utterances: report.utterances, heard: report.heard() }),
    }
}

fn conditions(options: &Options) -> Conditions {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "по умолчанию".to_owned());
    let phrases = options.phrases.as_ref().map_or("встроенные".to_owned(), |path| path.display().to_string());
    let mut conditions = vec![
        ("дата", probe::now()),
        ("шлюз", options.url.clone()),
        ("абонентов", options.users.to_string()),
        ("реплик в секунду", options.rate.to_string()),
        ("реплики", phrases),
        ("токенов в секунду", options.tokens_per_second.to_string()),
        ("доля прерываний", options.cancel_share.to_string()),
        ("заполнители", if options.fillers { "да" } else { "нет" }.to_owned()),
        ("голос", text(&options.voice)),
        ("язык", text(&options.lang)),
        ("формат", text(&options.format)),
        ("начало случайной последовательности", options.seed.to_string()),
    ];
    conditions.extend(options.lead_ms.map(|lead| ("опережение слушателя, мс", lead.to_string())));
    conditions.extend(options.fail.map(|share| ("доля сбоев ElevenLabs", share.to_string())));
    conditions
}

fn save(options: &Options, report: &Report, records: &[Record], screen: &Screen) -> Result<(), ClientError> {
    let (raw, summary) = (options.out.join("load.jsonl"), options.out.join("load.md"));
    let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap_or_default() + "\n").collect();
    file::write(&raw, &lines)?;
    file::write(&summary, &report.markdown())?;
    screen.line(format_args!("Реплик: {}, не удалось: {}; {}", report.utterances, report.failed, report.heard()));
    if let Some(first) = report.first_audio() {
        screen.line(format_args!(
            "До первого звука, мс: p50 {:.1}, p95 {:.1}, p99 {:.1}",
            first.p50, first.p95, first.p99
        ));
    }
    for path in [summary, raw] {
        screen.line(format_args!("✓ {}", path.display()));
    }
    Ok(())
}

/// What all dialogues share.
struct Load {
    client: Client,
    common: Common,
    options: Options,
    manner: Manner,
    far: Option<Far>,
    /// Connections that are open and free, by user.
    free: Mutex<Vec<Vec<Line>>>,
    /// As the utterances ended.
    records: Mutex<Vec<Record>>,
    /// The first sound that could not be compared with its text, because the emulator did not answer.
    unchecked: Mutex<Option<ClientError>>,
}

/// How a load ended.
struct Ended {
    /// Utterances of the dialogues that had begun.
    started: usize,
    took: Duration,
}

impl Load {
    fn new(options: &Options, far: Option<Far>) -> Result<Load, ClientError> {
        let common = options.common();
        common.address("/")?;
        let manner = Manner {
            voice: options.voice.clone(),
            lang: options.lang.clone(),
            format: options.format.clone(),
            tokens_per_second: options.tokens_per_second,
            limit: options.timeout,
            keep: options.check,
        };
        Ok(Load {
            client: gateway::client(&common)?,
            common,
            options: options.clone(),
            manner,
            far,
            free: Mutex::new((0..options.users).map(|_| Vec::new()).collect()),
            records: Mutex::default(),
            unchecked: Mutex::default(),
        })
    }

    async fn open(&self) -> Result<Line, ClientError> {
        Line::open(&self.client, &self.common, self.options.config()).await
    }

    /// A connection for every user, before the clock starts.
    async fn connect(&self, users: usize) -> Result<(), ClientError> {
        let opening = (0..users).map(|user| async move { (user, self.open().await) });
        let mut opening = futures_util::stream::iter(opening).buffer_unordered(OPENING);
        while let Some((user, line)) = opening.next().await {
            self.put(user, line?);
        }
        Ok(())
    }

    async fn close(&self) {
        let lines: Vec<Line> = locked(&self.free, |free| free.iter_mut().flat_map(std::mem::take).collect());
        for line in lines {
            line.close().await;
        }
    }

    /// Every dialogue when it is due, until all have ended or somebody presses Ctrl-C.
    async fn all(&self, plan: Plan, screen: &Screen) -> Ended {
        let began = Instant::now();
        let mut plan = plan.peekable();
        let mut running = FuturesUnordered::new();
        let mut started = 0;
        let mut stop = pin!(async {
            if tokio::signal::ctrl_c().await.is_err() {
                // Without signals there is no Ctrl-C either.
                pending::<()>().await;
            }
        });
        loop {
            let due = plan.peek().map(|dialogue| began + dialogue.at);
            if due.is_none() && running.is_empty() {
                break;
            }
            tokio::select! {
                () = &mut stop => break,
                Some(()) = running.next(), if !running.is_empty() => {}
                () = sleep_until(due.unwrap_or(began)), if due.is_some() => {
                    if let Some(dialogue) = plan.next() {
                        started += dialogue.turns.len();
                        running.push(self.dialogue(dialogue, began));
                    }
                }
            }
            let ended = locked(&self.records, |records| records.len());
            screen.wait(format!("Реплик: {ended}, диалогов идёт: {}", running.len()));
        }
        Ended { started, took: began.elapsed() }
    }

    /// Turn after turn; the next one is due when the one before has been heard.
    async fn dialogue(&self, dialogue: Dialogue, began: Instant) {
        let mut due = began + dialogue.at;
        let mut sounds = Vec::new();
        for turn in &dialogue.turns {
            let record = Record {
                id: turn.id.clone(),
                user: dialogue.user,
                dialogue: dialogue.number,
                scheduled_ms: ms(due - began),
                chars: turn.text.chars().count(),
                ..Record::default()
            };
            sleep_until(due).await;
            let (record, sound, heard_at) = self.turn(dialogue.user, turn, record, began).await;
            let at = locked(&self.records, |records| {
                records.push(record);
                records.len() - 1
            });
            sounds.extend(sound.map(|sound| (at, turn, sound)));
            due = heard_at;
        }
        // Afterwards: to read the sound takes time, and the next turn was due.
        for (at, turn, sound) in sounds {
            self.check(at, &turn.text, sound).await;
        }
    }

    /// One utterance, and when it will have been heard.
    async fn turn(
        &self,
        user: usize,
        turn: &Turn,
        mut record: Record,
        began: Instant,
    ) -> (Record, Option<Sound>, Instant) {
        let mut line = match self.take(user) {
            Some(line) => line,
            None => {
                let opening = Instant::now();
                match self.open().await {
                    Ok(line) => {
                        record.connect_ms = Some(ms(opening.elapsed()));
                        line
                    }
                    Err(error) => {
                        let Failure { code, detail } = error.into();
                        record.sent_ms = ms(began.elapsed());
                        (record.error, record.error_detail) = (Some(code), Some(detail));
                        return (record, None, Instant::now());
                    }
                }
            }
        };
        let Said { record, sound, usable } = say(&mut line, turn, &self.manner, record, began).await;
        let now = Instant::now();
        let heard_at = now + line.listener.ahead(now);
        if usable {
            self.put(user, line);
        }
        (record, sound, heard_at)
    }

    /// Compares a sound of ElevenLabs with its text.
    async fn check(&self, at: usize, text: &str, sound: Sound) {
        let Some(far) = &self.far else { return };
        let whole = locked(&self.records, |records| records[at].outcome == Outcome::Complete);
        let ulaw = sound.encoding == "ulaw";
        match far.decode(sound.bytes, sound.sample_rate, ulaw).await {
            Ok(decoded) => {
                let difference = compare(text, &decoded, whole);
                locked(&self.records, |records| records[at].difference = Some(difference));
            }
            Err(error) => locked(&self.unchecked, |unchecked| {
                unchecked.get_or_insert(error);
            }),
        }
    }

    /// A free connection of a user's that still lives.
    fn take(&self, user: usize) -> Option<Line> {
        loop {
            let mut line = locked(&self.free, |free| free[user].pop())?;
            if line.alive() {
                return Some(line);
            }
        }
    }

    fn put(&self, user: usize, line: Line) {
        locked(&self.free, |free| free[user].push(line));
    }
}

/// The lock is held for the step only.
fn locked<T, R>(mutex: &Mutex<T>, step: impl FnOnce(&mut T) -> R) -> R {
    step(&mut mutex.lock().unwrap_or_else(PoisonError::into_inner))
}
