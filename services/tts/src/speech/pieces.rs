//! A text that comes in pieces, as a language model writes it: spoken sentence by sentence while it is written.

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::AudioStream,
    tts::{SpeechRequest, TtsError, speakable},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{
    sync::{
        Notify,
        mpsc::{self, error::TrySendError},
    },
    time::sleep,
};
use tokio_util::task::AbortOnDropHandle;

use super::{chain::Chain, continued};

/// Sentences that may wait to be spoken. A text as long as allowed has fewer, unless it is all full stops.
const WAITING: usize = 1_024;

/// Takes the pieces.
pub struct PieceWriter {
    /// Told of each piece: the writer is at work.
    alive: Arc<Notify>,
    /// How to speak; its text does not matter.
    template: SpeechRequest,
    sentences: mpsc::Sender<SpeechRequest>,
    unspoken: String,
    chars: usize,
    max_chars: usize,
}

/// Why a piece was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PiecesError {
    /// All pieces together are too long.
    TooLong { chars: usize, limit: usize },
    /// Too many sentences wait to be spoken.
    Full,
    /// The utterance is over.
    Over,
}

/// The sentences of a text that is still being written, for [`Speech::speak_pieces`](super::Speech::speak_pieces).
pub struct Pieces {
    sentences: mpsc::Receiver<SpeechRequest>,
    alive: Arc<Notify>,
    /// One that has been taken out already.
    first: Option<SpeechRequest>,
}

impl Pieces {
    /// A text spoken as `template` is, and where to write it.
    pub fn new(template: SpeechRequest, max_chars: usize) -> (PieceWriter, Self) {
        let (sender, sentences) = mpsc::channel(WAITING);
        let alive = Arc::new(Notify::new());
        let writer = PieceWriter {
            alive: Arc::clone(&alive),
            template,
            sentences: sender,
            unspoken: String::new(),
            chars: 0,
            max_chars,
        };
        (writer, Self { sentences, alive, first: None })
    }

    /// Waits until there is something to say.
    pub(super) async fn begun(mut self, text_timeout: Duration) -> Result<Self, TtsError> {
        self.first = Some(self.next(text_timeout).await?.ok_or(TtsError::EmptyText)?);
        Ok(self)
    }

    /// The next sentence; `None` when the text is whole.
    async fn next(&mut self, text_timeout: Duration) -> Result<Option<SpeechRequest>, TtsError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        loop {
            tokio::select! {
                biased;
                sentence = self.sentences.recv() => return Ok(sentence),
                // A sentence may take its time as long as it grows.
                () = self.alive.notified() => {}
                () = sleep(text_timeout) => {
                    return Err(TtsError::TextTimeout { ms: text_timeout.as_millis() as u64 });
                }
            }
        }
    }

    /// The sound of all sentences, in order. The next sentence is made while one is spoken.
    pub(super) async fn stream(
        mut self,
        chain: Arc<Chain>,
        text_timeout: Duration,
        request_id: String,
    ) -> Result<AudioStream, TtsError> {
        // One place: a sentence is spoken, the next one is made, a third one waits to be begun.
        let (ahead, mut made) = mpsc::channel::<Option<Made>>(1);
        let maker = tokio::spawn(async move {
            loop {
                let sentence = match self.next(text_timeout).await {
                    Ok(Some(sentence)) => sentence.with_id(&request_id),
                    Ok(None) => break,
                    Err(error) => {
                        let _ = ahead.send(Some(Err(error))).await;
                        return;
                    }
                };
                let chain = Arc::clone(&chain);
                let speaking =
                    AbortOnDropHandle::new(tokio::spawn(async move { continued::speak(&chain, sentence).await }));
                if ahead.send(Some(Ok(speaking))).await.is_err() {
                    return;
                }
            }
            let _ = ahead.send(None).await;
        });
        let maker = AbortOnDropHandle::new(maker);
        let AudioStream { provider, sample_rate, chunks } = next(&mut made).await?.ok_or(TtsError::EmptyText)?;
        let later = stream::try_unfold((made, maker), move |(mut made, maker)| async move {
            let stream = next(&mut made).await?;
            Ok::<_, TtsError>(stream.map(|stream| (continued::at_rate(stream, sample_rate), (made, maker))))
        });
        Ok(AudioStream { provider, sample_rate, chunks: Box::pin(chunks.chain(later.try_flatten())) })
    }
}

type Made = Result<AbortOnDropHandle<Result<AudioStream, TtsError>>, TtsError>;

/// The next stream; `None` when the text is whole. A channel that closes without saying so broke.
async fn next(made: &mut mpsc::Receiver<Option<Made>>) -> Result<Option<AudioStream>, TtsError> {
    let lost = || TtsError::Engine("the task that speaks sentence by sentence is gone".into());
    let Some(next) = made.recv().await.ok_or_else(lost)? else { return Ok(None) };
    next?.await.map_err(|panic| TtsError::Engine(panic.into()))?.map(Some)
}

impl PieceWriter {
    /// Adds a piece. Sentences that it completes are spoken.
    pub fn push(&mut self, piece: &str) -> Result<(), PiecesError> {
        self.alive.notify_one();
        self.chars += piece.chars().count();
        if self.chars > self.max_chars {
            return Err(PiecesError::TooLong { chars: self.chars, limit: self.max_chars });
        }
        self.unspoken.push_str(piece);
        while let Some(end) = sentence_end(&self.unspoken) {
            let rest = self.unspoken.split_off(end);
            let sentence = std::mem::replace(&mut self.unspoken, rest);
            self.speak(&sentence)?;
        }
        Ok(())
    }

    /// Speaks what there is, sentence or not. Dropping the writer afterwards ends the text.
    pub fn flush(&mut self) -> Result<(), PiecesError> {
        let rest = std::mem::take(&mut self.unspoken);
        self.speak(&rest)
    }

    fn speak(&self, sentence: &str) -> Result<(), PiecesError> {
        // Marks alone are nothing to say.
        if !speakable(sentence) {
            return Ok(());
        }
        // The bar only says where to cut.
        let sentence = sentence.trim().trim_end_matches('|');
        self.sentences.try_send(self.template.with_text(sentence)).map_err(|error| match error {
            TrySendError::Full(_) => PiecesError::Full,
            TrySendError::Closed(_) => PiecesError::Over,
        })
    }
}

/// Where the first sentence ends: after its mark, at the white space that shows that the mark was an end ("3.5" has none).
/// The marks of scripts without white space need none.
fn sentence_end(text: &str) -> Option<usize> {
    let mut after_mark = false;
    for (at, character) in text.char_indices() {
        match character {
            '|' | '\n' | '。' | '！' | '？' => return Some(at + character.len_utf8()),
            '.' if abbreviated(&text[..at]) => {}
            '.' | '!' | '?' | '…' => after_mark = true,
            '"' | '\'' | '”' | '’' | '»' | ')' if after_mark => {}
            character if after_mark && character.is_whitespace() => return Some(at),
            _ => after_mark = false,
        }
    }
    None
}

/// Whether a full stop after this text is that of a title or an initial, which a name follows.
fn abbreviated(before: &str) -> bool {
    const TITLES: [&str; 8] = ["Dr", "Mr", "Mrs", "Ms", "Prof", "St", "No", "vs"];
    let word = before.rsplit(|character: char| !character.is_alphanumeric()).next().unwrap_or_default();
    let mut letters = word.chars();
    let initial = letters.next().is_some_and(char::is_uppercase) && letters.next().is_none() && word != "I";
    initial || TITLES.contains(&word)
}

#[cfg(test)]
mod tests {
    use evervoice_core::tts::SpeechLimits;
    use proptest::prelude::*;

    use super::*;

    fn sentences(pieces: &[&str]) -> Vec<String> {
        let limits = SpeechLimits { max_chars: 10 };
        let template = SpeechRequest::new("x".into(), None, None, None, limits).unwrap();
        let (mut writer, Pieces { sentences: mut receiver, .. }) = Pieces::new(template, 100_000);
        for piece in pieces {
            writer.push(piece).unwrap();
        }
        writer.flush().unwrap();
        let mut sentences = vec![];
        while let Ok(sentence) = receiver.try_recv() {
            sentences.push(sentence.text().to_owned());
        }
        sentences
    }

    #[test]
    fn sentences_leave_when_they_are_complete() {
        assert_eq!(
            sentences(&["Hel", "lo. It is 3", ".5 %! \"Wh", "y?\" Be", "cause"]),
            ["Hello.", "It is 3.5 %!", "\"Why?\"", "Because"]
        );
        assert_eq!(
            sentences(&["Dr. J. Smith, No. 5. So am I. 你好。再见。"]),
            ["Dr. J. Smith, No. 5.", "So am I.", "你好。", "再见。"]
        );
        assert_eq!(sentences(&["one|two\n", "... ", "!"]), ["one", "two"]);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_said_twice(pieces in prop::collection::vec("[a-cж.!?| \n]{0,6}", 0..40)) {
            let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            prop_assert_eq!(letters(&sentences(&pieces).concat()), letters(&pieces.concat()));
        }
    }
}
