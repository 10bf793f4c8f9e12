//! What a voice is to the provider: text in, chunks of samples out, one short step at a time.

use evervoice_core::tts::TtsError;

/// A loaded voice. Shared by all utterances.
pub trait VoiceEngine: Send + Sync {
    /// The names that can be asked for; the first is the voice's default. More than one for a voice with speakers.
    fn names(&self) -> Vec<String>;

    /// Languages it speaks, as BCP 47 tags.
    fn languages(&self) -> &[String];

    /// Rate of its samples, in Hz.
    fn sample_rate(&self) -> u32;

    /// What changes when the voice's files or the way they are spoken change: the same version gives the same sound.
    fn version(&self) -> &str;

    /// Reads the text and gets ready to speak it. Computes no sound yet.
    ///
    /// # Errors
    /// [`TtsError`] of the caller's kind when the text cannot be spoken by this voice.
    fn begin(&self, text: &str, name: &str, speed: f32) -> Result<Box<dyn Speaking>, TtsError>;
}

/// One utterance on its way.
pub trait Speaking: Send {
    /// Computes the next chunk: samples in −1..1, never empty; `None` after the last.
    ///
    /// # Errors
    /// [`TtsError::Engine`] when the network fails.
    fn next_chunk(&mut self) -> Result<Option<Vec<f32>>, TtsError>;
}
