//! Who says what and when: made by chance before anybody speaks, the same for the same seed.

use std::time::Duration;

use evervoice_core::api::FillerContext;

use super::options::Options;
use crate::error::ClientError;

/// What is said where no file is given. `{number}` makes each utterance one of its own, which a cache does not know.
const PHRASES: [&str; 12] = [
    "Good morning! Thank you for calling. How can I help you today?",
    "Your order number {number} is on its way. The courier will call you fifteen minutes before he arrives.",
    "Let me check that for you. I see {number} in our records, and it is active. Is there anything else?",
    "Yes, of course. | The total is {number} dollars and twenty cents. | Would you like to pay by card?",
    "I am sorry to hear that; we will send somebody tomorrow between nine and eleven. Your request is number {number}.",
    "The next train leaves at a quarter past ten from platform {number}. It arrives in the city at noon, if all goes well.",
    "Please hold the line. I will connect you with a colleague who knows more about case {number} than I do.",
    "That is a good question. In short: it depends on the weather, the road, and the day of the week. Ask me again in {number} days.",
    "You have {number} new messages. The first one came yesterday at five in the afternoon. It is from your dentist.",
    "No problem. | I have moved your appointment to Tuesday at {number} minutes past three. | See you then!",
    "Everything is ready. Your code is {number}. It is valid for ten minutes, so please do not close this window.",
    "We are open from Monday to Friday, nine to six. On Saturday we close at two. Today you are caller {number}.",
];

/// About how long a character is spoken, in ms: for the time at which a caller interrupts.
const CHARACTER_MS: u64 = 60;

/// One call: turns one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialogue {
    /// Counted from 0.
    pub number: u64,
    /// Whose.
    pub user: usize,
    /// When it begins, after the beginning of the load.
    pub at: Duration,
    /// What is said, one after the other; at least one.
    pub turns: Vec<Turn>,
}

/// One utterance.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Its name on the wire: there is no other of this name.
    pub id: String,
    /// What is said.
    pub text: String,
    /// The caller interrupts so long after the first text.
    pub cancel: Option<Duration>,
    /// A filler goes before it.
    pub filler: Option<FillerContext>,
}

/// The dialogues of a load, in order. Dialogue after dialogue begins when it is due: the utterances up to there, over the
/// rate.
pub struct Plan {
    /// Texts by dialogue.
    texts: Vec<Vec<String>>,
    users: usize,
    rate: f64,
    count: Option<u64>,
    duration: Option<Duration>,
    cancel_share: f64,
    fillers: bool,
    random: fastrand::Rng,
    dialogues: u64,
    utterances: u64,
}

impl Plan {
    /// As the options say.
    ///
    /// # Errors
    /// The file of phrases cannot be read, or holds none.
    pub fn new(options: &Options) -> Result<Plan, ClientError> {
        let texts = match &options.phrases {
            None => PHRASES.iter().map(|line| dialogue(line)).collect(),
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| ClientError::file(path, error))?;
                let texts: Vec<Vec<String>> = text.lines().map(dialogue).filter(|turns| !turns.is_empty()).collect();
                if texts.is_empty() {
                    return Err(ClientError::file(path, "в файле нет ни одной реплики"));
                }
                texts
            }
        };
        Ok(Plan {
            texts,
            users: options.users,
            rate: options.rate,
            count: options.count,
            duration: options.duration(),
            cancel_share: options.cancel_share,
            fillers: options.fillers,
            random: fastrand::Rng::with_seed(options.seed),
            dialogues: 0,
            utterances: 0,
        })
    }

    fn turn(&mut self, text: String) -> Turn {
        let number = self.utterances;
        self.utterances += 1;
        let text = text.replace("{number}", &number.to_string());
        let speech_ms = text.chars().count() as u64 * CHARACTER_MS;
        // Drawn whether used or not, so that the same seed gives the same load with other shares too.
        let (chance, after) = (self.random.f64(), Duration::from_millis(self.random.u64(0..=speech_ms)));
        let contexts = [FillerContext::Question, FillerContext::Request, FillerContext::Hesitation];
        let context = contexts[self.random.usize(0..contexts.len())];
        Turn {
            id: format!("load-{number}"),
            text,
            cancel: (chance < self.cancel_share).then_some(after),
            filler: self.fillers.then_some(context),
        }
    }
}

impl Iterator for Plan {
    type Item = Dialogue;

    fn next(&mut self) -> Option<Dialogue> {
        let at = Duration::from_secs_f64(self.utterances as f64 / self.rate);
        if self.duration.is_some_and(|duration| at >= duration) {
            return None;
        }
        let left = self.count.map_or(u64::MAX, |count| count.saturating_sub(self.utterances));
        let number = self.dialogues;
        let texts = self.texts[(number % self.texts.len() as u64) as usize].clone();
        let turns: Vec<Turn> =
            texts.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)).map(|text| self.turn(text)).collect();
        if turns.is_empty() {
            return None;
        }
        self.dialogues += 1;
        Some(Dialogue { number, user: (number % self.users as u64) as usize, at, turns })
    }
}

/// A line of a file of phrases: its turns are apart by `|`.
fn dialogue(line: &str) -> Vec<String> {
    line.split('|').map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// Characters after which a delta ends.
const DELTA: usize = 5;

/// A text as a language model gives it: a delta is at most five characters, and begins with the space before a word.
pub fn deltas(text: &str) -> Vec<&str> {
    let (mut deltas, mut start, mut chars) = (Vec::new(), 0, 0);
    for (at, character) in text.char_indices() {
        if at > start && (chars == DELTA || character.is_whitespace()) {
            deltas.push(&text[start..at]);
            (start, chars) = (at, 0);
        }
        chars += 1;
    }
    deltas.extend(Some(&text[start..]).filter(|rest| !rest.is_empty()));
    deltas
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::options::tests::options;
    use super::*;

    fn plan(arguments: &[&str]) -> Vec<Dialogue> {
        Plan::new(&options(arguments)).unwrap().collect()
    }

    #[test]
    fn utterances_are_due_at_the_rate_whatever_a_dialogue_has_of_them() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("phrases.txt");
        std::fs::write(&file, "One {number}. | Two {number}.\n\n Three. \n").unwrap();
        let file = file.to_str().unwrap();
        let plan = plan(&["--users", "2", "--rate", "4", "--count", "5", "--phrases", file]);
        let due: Vec<(usize, u64)> = plan.iter().map(|one| (one.user, one.at.as_millis() as u64)).collect();
        assert_eq!(due, [(0, 0), (1, 500), (0, 750)]);
        let texts: Vec<Vec<&str>> =
            plan.iter().map(|one| one.turns.iter().map(|turn| turn.text.as_str()).collect()).collect();
        assert_eq!(texts, [vec!["One 0.", "Two 1."], vec!["Three."], vec!["One 3.", "Two 4."]]);
        assert_eq!(plan[2].turns[1].id, "load-4");
    }

    #[test]
    fn the_time_ends_a_plan_and_so_does_the_count() {
        let at = |arguments: &[&str]| plan(arguments).iter().map(|one| one.turns.len()).sum::<usize>();
        assert_eq!(at(&["--count", "7"]), 7);
        // Due at 0, 1 s, 2 s, and two more for the dialogue of three that is due at 3 s.
        assert_eq!(at(&["--rate", "1", "--duration", "4"]), 6);
        assert_eq!(at(&["--rate", "1", "--duration", "4", "--count", "2"]), 2);
        assert_eq!(plan(&["--rate", "0.5"]).last().unwrap().at.as_secs(), 54, "a minute where nothing is said");
    }

    #[test]
    fn the_same_seed_is_the_same_load() {
        let arguments = ["--count", "200", "--cancel-share", "0.3", "--fillers", "--seed", "7"];
        let first = plan(&arguments);
        assert_eq!(first, plan(&arguments));
        let turns = |plan: &[Dialogue]| plan.iter().flat_map(|one| one.turns.clone()).collect::<Vec<Turn>>();
        let cancelled = turns(&first).iter().filter(|turn| turn.cancel.is_some()).count();
        assert!((30..=90).contains(&cancelled), "{cancelled}");
        assert!(turns(&first).iter().all(|turn| turn.filler.is_some()));
        let other = plan(&["--count", "200", "--cancel-share", "0.3", "--fillers", "--seed", "8"]);
        assert_ne!(first, other);
        assert!(turns(&plan(&["--count", "20"])).iter().all(|turn| turn.cancel.is_none() && turn.filler.is_none()));
    }

    #[test]
    fn a_file_without_phrases_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "\n | \n").unwrap();
        let refused = Plan::new(&options(&["--phrases", file.path().to_str().unwrap()]));
        assert_eq!(refused.err().map(|error| error.exit_code()), Some(6));
    }

    #[test]
    fn deltas_are_short_and_begin_at_words() {
        assert_eq!(deltas("Hello big world."), ["Hello", " big", " worl", "d."]);
        assert_eq!(deltas("Привет"), ["Приве", "т"]);
    }

    proptest! {
        #[test]
        fn deltas_are_the_text(text in any::<String>()) {
            let deltas = deltas(&text);
            prop_assert_eq!(deltas.concat(), text.as_str());
            prop_assert!(deltas.iter().all(|delta| (1..=DELTA).contains(&delta.chars().count())));
        }
    }
}
