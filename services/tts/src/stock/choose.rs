//! Which filler fits: the language and the kind of what the caller said. The words are those of a speech recogniser: no marks,
//! no capitals need be there.

use evervoice_core::{api::FillerContext, tts::language_matches};

/// With one of these a question begins.
const QUESTION_WORDS: &str = "what, what's, who, who's, whom, whose, when, where, where's, why, which, how, how's, is, are, am, was, were, \
     do, does, did, has, have, will, should, isn't, aren't, don't, doesn't, что, кто, кого, кому, чем, где, куда, \
     откуда, когда, почему, зачем, как, какой, какая, какое, какие, каким, каких, сколько, чей, чья, чьё, чье, чьи, \
     разве, неужели, правда";

/// With one of these a request begins.
const REQUEST_BEGINNINGS: &str = "add, book, bring, buy, call, cancel, change, check, close, connect, find, give, go, help, let, make, open, \
     order, pay, play, put, remind, repeat, schedule, send, set, show, start, stop, switch, take, tell, transfer, \
     turn, wait, write, i want, i need, i would like, i'd like, включи, включите, выключи, выключите, вызови, \
     вызовите, дай, дайте, добавь, добавьте, закажи, закажите, закрой, закройте, запиши, запишите, измени, \
     измените, купи, купите, найди, найдите, напомни, напомните, напиши, напишите, останови, остановите, отключи, \
     отключите, открой, откройте, отмени, отмените, отправь, отправьте, оформи, оформите, перезвони, перезвоните, \
     переведи, переведите, переключи, переключите, повтори, повторите, подключи, подключите, подожди, подождите, \
     подскажи, подскажите, позвони, позвоните, покажи, покажите, помоги, помогите, поставь, поставьте, проверь, \
     проверьте, расскажи, расскажите, сделай, сделайте, скажи, скажите, соедини, соедините, хочу, я хочу, \
     мне нужно, мне нужен, мне нужна, мне надо, хотел бы, хотела бы, я бы хотел, я бы хотела";

/// With one of these anywhere it is a request, also where it ends like a question.
const REQUEST_WORDS: &str = "please, could you, can you, would you, will you, can i, could i, may i, пожалуйста, можно, можете, могли бы, \
     мог бы, могла бы, не могли, можешь, будьте добры, будь добр, будь добра";

/// What the caller's words are.
pub fn context(said: &str) -> FillerContext {
    let ends_as_question = said.trim_end().ends_with(['?', '？', '؟']);
    let words = words(said);
    let begins = |phrases: &str| phrases.split(", ").any(|phrase| words.starts_with(&format!(" {phrase} ")));
    let has = |phrases: &str| phrases.split(", ").any(|phrase| words.contains(&format!(" {phrase} ")));
    // "Will you call me" asks for something, "will it rain" asks.
    if has(REQUEST_WORDS) {
        return FillerContext::Request;
    }
    if ends_as_question || begins(QUESTION_WORDS) || words.split(' ').nth(2) == Some("ли") {
        return FillerContext::Question;
    }
    if begins(REQUEST_BEGINNINGS) { FillerContext::Request } else { FillerContext::Hesitation }
}

/// The words in lower case, a space before and after each.
fn words(said: &str) -> String {
    let lower = said.to_lowercase().replace('’', "'");
    let words = lower.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |all, word| all + word + " ")
}

/// Languages that are written in Cyrillic letters.
const CYRILLIC: &str = "ru, uk, be, bg, sr, mk, kk, ky, mn, tg";

/// Of the languages that there are, those that fit, the best first: the one that is `wanted`; else those of the script of
/// what was `said`; else all. English is best where nothing else decides.
pub fn languages<'a>(there: impl Iterator<Item = &'a str>, wanted: Option<&str>, said: Option<&str>) -> Vec<&'a str> {
    let cyrillic = said.and_then(is_cyrillic);
    let fits = |tag: &&str| match (wanted, cyrillic) {
        (Some(wanted), _) => language_matches(tag, wanted),
        (None, Some(cyrillic)) => cyrillic == CYRILLIC.split(", ").any(|known| language_matches(tag, known)),
        (None, None) => true,
    };
    let mut languages: Vec<&str> = there.filter(fits).collect();
    languages.sort_by_key(|tag| !language_matches(tag, "en"));
    languages
}

/// Whether most letters are Cyrillic; `None` where there are no letters.
fn is_cyrillic(text: &str) -> Option<bool> {
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (cyrillic, others): (Vec<char>, Vec<char>) = letters.partition(|c| matches!(c, '\u{0400}'..='\u{052F}'));
    (cyrillic.len() + others.len() > 0).then_some(cyrillic.len() > others.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_what_they_are() {
        use FillerContext::{Hesitation, Question, Request};
        for (said, expected) in [
            ("What time is it?", Question),
            ("what time is it", Question),
            ("How's the weather", Question),
            ("You are open on Sunday?", Question),
            ("is it far", Question),
            ("Сколько это стоит", Question),
            ("А вы работаете?", Question),
            ("есть ли у вас кофе", Question),
            ("Could you call me back?", Request),
            ("please turn it off", Request),
            ("Turn off the light.", Request),
            ("I'd like a table for two", Request),
            ("I’d like a table for two", Request),
            ("Можно записаться на завтра?", Request),
            ("Запишите меня, пожалуйста.", Request),
            ("позвоните мне завтра", Request),
            ("я хочу отменить заказ", Request),
            ("My name is Anna.", Hesitation),
            ("Меня зовут Анна", Hesitation),
            ("Whatever", Hesitation),
            ("Итак, потом", Hesitation),
            ("", Hesitation),
            ("…", Hesitation),
        ] {
            assert_eq!(context(said), expected, "{said}");
        }
    }

    #[test]
    fn the_language_is_told_by_tag_or_script() {
        let there = ["de", "en-GB", "ru", "uk"];
        for (wanted, said, expected) in [
            (Some("ru-RU"), Some("Hello"), &["ru"][..]),
            (Some("fr"), Some("Hello"), &[]),
            (None, Some("Привет, John!"), &["ru", "uk"]),
            (None, Some("Hello"), &["en-GB", "de"]),
            (None, Some("42"), &["en-GB", "de", "ru", "uk"]),
            (None, None, &["en-GB", "de", "ru", "uk"]),
        ] {
            assert_eq!(languages(there.into_iter(), wanted, said), expected, "{wanted:?} {said:?}");
        }
    }
}
