//! What is spoken: a sentence of everyday words, which the built-in recogniser knows too.

use evervoice_core::tts::{TtsProvider, language_matches};

/// Language and sentence.
pub type Sentence = (&'static str, &'static str);

const ENGLISH: Sentence = ("en", "What is the weather like in Paris tomorrow?");
const SENTENCES: [Sentence; 2] = [ENGLISH, ("ru", "Какая завтра погода в Москве?")];

/// A sentence for each language that the voices of `provider` speak, of those that there is one for. A provider in the cloud that
/// names no language speaks English: each sentence costs characters of its plan.
pub fn of(provider: &dyn TtsProvider) -> Vec<Sentence> {
    let languages: Vec<String> = provider.voices().into_iter().flat_map(|voice| voice.languages).collect();
    let spoken = |(language, _): &Sentence| languages.iter().any(|have| language_matches(have, language));
    let sentences: Vec<Sentence> = SENTENCES.into_iter().filter(spoken).collect();
    match sentences.is_empty() && !provider.is_local() {
        true => vec![ENGLISH],
        false => sentences,
    }
}
