//! An utterance as its text: how much of it has come, and how much of that has been said.

use evervoice_core::{
    api::Resumed,
    audio::OutputFormat,
    tts::{SpeechRequest, speakable},
};

use crate::speech::{Phrase, Phrases, Speech, TextError, TextWriter};

/// What is to be said, whether it is being said, waits, or has to be said again.
pub struct Script {
    /// Its own among all of a conversation; clients may use an `id` twice.
    pub number: u64,
    /// The client's name for it.
    pub id: String,
    pub format: OutputFormat,
    template: SpeechRequest,
    /// All of its text that has come: at most `max_chars`.
    text: String,
    chars: usize,
    max_chars: usize,
    /// Up to where it is to be spoken, sentence or not.
    flushed: usize,
    complete: bool,
    /// Takes what comes while it is spoken.
    writer: Option<TextWriter>,
    /// The phrases whose sound has begun.
    phrases: Vec<Place>,
    /// So many of them were whole before it is spoken (again), with so many samples.
    whole: usize,
    sent: u64,
}

/// Where a phrase is in its utterance.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// In the text, in bytes.
    text_end: usize,
    /// In the sound, in samples; its end, once all of it has been made.
    sound_start: u64,
    sound_end: Option<u64>,
}

impl Script {
    /// A text that has yet to come.
    pub fn new(number: u64, id: String, template: SpeechRequest, format: OutputFormat, max_chars: usize) -> Self {
        Self {
            number,
            id,
            format,
            template,
            text: String::new(),
            chars: 0,
            max_chars,
            flushed: 0,
            complete: false,
            writer: None,
            phrases: Vec::new(),
            whole: 0,
            sent: 0,
        }
    }

    /// Its language, as a BCP 47 tag, where it is known.
    pub fn language(&self) -> Option<&str> {
        self.template.language()
    }

    /// A piece of it comes.
    pub fn push(&mut self, text: &str) -> Result<(), TextError> {
        self.chars += text.chars().count();
        if self.chars > self.max_chars {
            return Err(TextError::TooLong { chars: self.chars, limit: self.max_chars });
        }
        self.text.push_str(text);
        self.writer.as_mut().map_or(Ok(()), |writer| writer.push(text))
    }

    /// What has come is spoken, sentence or not.
    pub fn flush(&mut self) -> Result<(), TextError> {
        self.flushed = self.text.len();
        self.writer.as_mut().map_or(Ok(()), TextWriter::flush)
    }

    /// Nothing more comes.
    pub fn end(&mut self) -> Result<(), TextError> {
        self.complete = true;
        self.writer.take().map_or(Ok(()), TextWriter::end)
    }

    /// The phrases to be spoken, with all of the text that has come and not been said; `None` when all has been said.
    ///
    /// # Errors
    /// None of [`TextWriter`] in practice: a new one takes three pieces.
    pub fn open(&mut self, speech: &Speech) -> Result<Option<Phrases>, TextError> {
        let said = self.said().len();
        let (urgent, rest) = self.text[said..].split_at(self.flushed.saturating_sub(said));
        if self.goes_on() && self.complete && !speakable(&self.text[said..]) {
            return Ok(None);
        }
        if self.complete
            && said == 0
            && let Some(pinned) = speech.pinned(&self.template.with_text(&self.text))
        {
            return Ok(Some(pinned));
        }
        let (mut writer, phrases) = speech.phrases(self.template.clone());
        if !urgent.is_empty() {
            writer.push(urgent)?;
            writer.flush()?;
        }
        if !rest.is_empty() {
            writer.push(rest)?;
        }
        match self.complete {
            true => writer.end()?,
            false => self.writer = Some(writer),
        }
        Ok(Some(phrases))
    }

    /// A phrase begins with this sample of the utterance. Tells its number in all of the utterance.
    pub fn phrase(&mut self, phrase: &Phrase, sound_start: u64) -> u64 {
        let from = self.phrases.last().map_or(0, |place| place.text_end);
        let end = (from + phrase.lead.len() + phrase.text.len()).min(self.text.len());
        self.phrases.push(Place { text_end: self.text.floor_char_boundary(end), sound_start, sound_end: None });
        self.phrases.len() as u64 - 1
    }

    /// The present phrase ends before this sample.
    pub fn phrase_end(&mut self, sound_end: u64) {
        if let Some(present) = self.phrases.last_mut() {
            present.sound_end = Some(sound_end);
        }
    }

    /// Nobody speaks any more: `sent` samples left, which are all of the utterance if it is `whole`.
    pub fn stop(&mut self, sent: u64, whole: bool) {
        self.writer = None;
        self.sent = sent;
        // A phrase ends where the next one begins at the latest.
        let next = self.phrases.iter().skip(1).map(|next| Some(next.sound_start)).chain([None]);
        let ends = self.phrases.iter().zip(next).map(|(place, next)| place.sound_end.or(next));
        let ended = ends.take_while(|end| end.is_some_and(|end| end <= sent)).count();
        self.whole = if whole { self.phrases.len() } else { ended.max(self.whole) };
    }

    /// It is spoken again from the first phrase of which something is missing, or from the one behind the phrase `after`;
    /// -1 is before the first one.
    pub fn rewind(&mut self, after: Option<i64>) {
        let wanted = after.map(|after| usize::try_from(after.saturating_add(1)).unwrap_or(0));
        let whole = wanted.map_or(self.whole, |wanted| wanted.min(self.phrases.len()));
        if let Some(next) = self.phrases.get(whole) {
            self.sent = next.sound_start;
        }
        self.phrases.truncate(whole);
        self.whole = whole;
    }

    /// The phrases that need not be spoken again, as text.
    pub fn said(&self) -> &str {
        let end = self.whole.checked_sub(1).and_then(|last| self.phrases.get(last)).map_or(0, |last| last.text_end);
        &self.text[..end]
    }

    /// The samples of these phrases.
    pub fn said_samples(&self) -> u64 {
        self.sent
    }

    /// Whether some of it has been said before.
    pub fn goes_on(&self) -> bool {
        self.whole > 0
    }

    /// As the client is told when its conversation goes on.
    pub fn resumed(&self) -> Resumed {
        Resumed {
            id: self.id.clone(),
            next_phrase: self.whole as u64,
            received_chars: self.chars as u64,
            complete: self.complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use evervoice_core::tts::SpeechLimits;

    use super::*;

    /// A script of two phrases and a piece of a third one; the second phrase begins with sample 1,000.
    fn script() -> Script {
        let limits = SpeechLimits { max_chars: 40 };
        let template = SpeechRequest::new("x".into(), None, None, None, limits).unwrap();
        let mut script = Script::new(1, "a".into(), template, OutputFormat::default(), 40);
        script.push("Раз. Two! Thr").unwrap();
        for (lead, text, start) in [("", "Раз.", 0), (" ", "Two!", 1_000)] {
            let phrase = Phrase { index: 0, lead: lead.into(), text: text.into(), reason: "sentence" };
            script.phrase(&phrase, start);
        }
        script
    }

    fn goes_on(script: &Script) -> (u64, &str, u64) {
        (script.resumed().next_phrase, script.said(), script.said_samples())
    }

    #[test]
    fn a_cut_phrase_is_spoken_again_and_a_whole_one_is_not() {
        for (sent, whole, expected) in [
            (0, false, (0, "", 0)),
            (999, false, (0, "", 0)),
            (1_000, false, (1, "Раз.", 1_000)),
            (1_500, false, (1, "Раз.", 1_000)),
            (1_500, true, (2, "Раз. Two!", 1_500)),
        ] {
            let mut script = script();
            script.stop(sent, whole);
            script.rewind(None);
            assert_eq!(goes_on(&script), expected, "{sent}");
        }
    }

    #[test]
    fn a_phrase_that_was_sent_whole_is_not_spoken_again() {
        for (sent, expected) in [(1_999, (1, "Раз.", 1_000)), (2_000, (2, "Раз. Two!", 2_000))] {
            let mut script = script();
            script.phrase_end(2_000);
            script.stop(sent, false);
            script.rewind(None);
            assert_eq!(goes_on(&script), expected, "{sent}");
        }
    }

    #[test]
    fn the_client_knows_better_what_it_heard() {
        for (after, expected) in
            [(-1, (0, "", 0)), (0, (1, "Раз.", 1_000)), (1, (2, "Раз. Two!", 1_500)), (99, (2, "Раз. Two!", 1_500))]
        {
            let mut script = script();
            script.stop(1_500, false);
            script.rewind(Some(after));
            assert_eq!(goes_on(&script), expected, "{after}");
        }
    }

    #[test]
    fn a_conversation_may_break_more_than_once() {
        let mut script = script();
        script.stop(1_500, false);
        script.rewind(None);
        script.stop(script.said_samples(), false);
        script.rewind(None);
        assert_eq!(goes_on(&script), (1, "Раз.", 1_000));
        let phrase = Phrase { index: 0, lead: " ".into(), text: "Two!".into(), reason: "sentence" };
        assert_eq!(script.phrase(&phrase, 1_000), 1);
        script.stop(2_000, true);
        script.rewind(None);
        assert_eq!(goes_on(&script), (2, "Раз. Two!", 2_000));
        assert_eq!(script.resumed().received_chars, 13);
    }

    #[test]
    fn a_text_that_grows_too_long_is_told() {
        assert_eq!(script().push(&"x".repeat(28)), Err(TextError::TooLong { chars: 41, limit: 40 }));
    }
}
