//! Sentences of both languages, and of some others.

use super::{
    edges::{Kind, Scanner},
    sentences,
    tests::letters,
};

/// The sentences of a text that comes in these pieces, all of it at once, or one character at a time.
fn sentences_of<'a>(pieces: impl Iterator<Item = &'a str>, language: Option<&str>) -> Vec<String> {
    let (mut scanner, mut text) = (Scanner::new(language), String::new());
    for piece in pieces {
        text.push_str(piece);
        scanner.scan(&text, false);
    }
    scanner.scan(&text, true);
    let ends = scanner.edges.iter().filter(|edge| edge.kind >= Kind::Sentence).map(|edge| edge.at).chain([text.len()]);
    let mut from = 0;
    let cut = ends.map(|end| text[std::mem::replace(&mut from, end)..end].trim().to_owned());
    cut.filter(|sentence| !sentence.is_empty()).collect()
}

/// Texts with `¦` at the ends of sentences.
pub(super) const GOLDEN: [&str; 104] = [
    "Hello there.¦ How are you?",
    "Wait… what?¦ Really?!¦ Yes!",
    "Wait... what?¦ No...¦ Never.",
    "It costs 3.5 dollars.¦ That is cheap.",
    "It costs $1,000.50 in total.¦ Fine.",
    "Dr. Smith is here.¦ He waits.",
    "Mr. and Mrs. Brown came.¦ Prof. Green did not.",
    "We meet at 5 p.m. today.¦ Be there.",
    "We meet at 5 p.m.¦ The room is open.",
    "Bring fruit, e.g. apples.¦ Or pears, i.e. fruit.",
    "Bring apples, pears, etc.¦ Then we start.",
    "J. K. Rowling wrote it.¦ So I hear.",
    "John F. Kennedy spoke.¦ They listened.",
    "The U.S. Army is big.¦ Very big.",
    "I live in the U.S.¦ It is big.",
    "Visit example.com today.¦ Or mail me@example.com.¦ Bye.",
    "See https://a.example/b?c=d.e&f=1.¦ It works!",
    "The date is 14.02.2025.¦ Do not forget.",
    "The time is 10:30.¦ Hurry up!",
    "1. Milk is white.¦ 2. Bread is brown.",
    "Buy this:¦\n1. Milk¦\n2. Bread¦\n\nThat is all.",
    "Buy this:¦\n- Milk¦\n- Bread",
    "1) First item.¦ 2) Second item.",
    "He said \"Go.\"¦ She went.",
    "He said “Stop!”¦ She stopped.",
    "\"Stop!\" he said.¦ \"Why?\" she asked.",
    "(He was late.)¦ Nobody cared.",
    "He (the boss!) was late.¦ Nobody cared.",
    "He was late (again?).¦ Nobody cared.",
    "It is 20.¦ It was 19.",
    "No.¦ I do not think so.",
    "See No. 5 for that.¦ Thanks.",
    "See Fig. 3 and p. 12.¦ Thanks.",
    "Version 1.2.3 is out.¦ Update now.",
    "One sentence.¦\nAnother line¦\nA third line.",
    "Great!¦🙂 Let us go.",
    "Great!¦ 🙂 Let us go.",
    "Great 🙂.¦ Let us go.",
    "First part.¦ | Second part.",
    "First part¦ | second part¦|third.",
    "No way!!!¦ Yes way!!",
    "What?!¦ No.",
    "Ends without a mark",
    "Ends with a mark.",
    "Inc. and Ltd. and Corp. are short.¦ Right.",
    "Born on Jan. 5, 1999.¦ Died never.",
    "St. Petersburg is cold.¦ St. Louis is not.",
    "5 ft. 6 in. is short.¦ True.",
    "I have 5.¦ You have six.",
    "That is all.¦ 5 people came.",
    "¿Qué tal?¦ ¡Muy bien!",
    "Yes.¦ No.¦ Maybe.",
    "Hello!¦ My name is Anna.¦ How can I help you today?",
    "**Bold.**¦ Then plain.",
    "*Really?* he said.¦ Yes.",
    "He left.¦ — Good, she said.",
    "你好。¦我是安娜。¦你好吗？",
    "「行こう。」¦彼は言った。",
    "He lives in Washington, D.C.¦ He works there.",
    "Ph.D. students work.¦ A lot.",
    "Привет.¦ Как дела?",
    "Подожди… что?¦ Правда?!¦ Да!",
    "Подожди... что?¦ Нет...¦ Никогда.",
    "Это стоит 3,5 рубля.¦ Недорого.",
    "Это стоит 1 000,50 рублей.¦ Дорого.",
    "Он живёт на ул. Ленина.¦ Дом 5.",
    "Он живёт на ул. Ленина, д. 5, кв. 12.¦ Заходите.",
    "Мы, т. е. люди, спим.¦ Иногда.",
    "Мы, т.е. люди, спим.¦ Иногда.",
    "Мы, т. е. Анна и я, спим.¦ Иногда.",
    "Яблоки, груши и т. д. растут.¦ Быстро.",
    "Яблоки, груши и т. д.¦ Они растут.",
    "Яблоки, груши и т.п.¦ Они растут.",
    "Яблоки, груши и др.¦ Они растут.",
    "А. С. Пушкин написал это.¦ Давно.",
    "А.С. Пушкин написал это.¦ Давно.",
    "Пушкин А. С. родился давно.¦ Да.",
    "Сегодня 14.02.2025.¦ Не забудьте.",
    "В 2020 г. было тихо.¦ Потом нет.",
    "В 10:30 утра.¦ Не позже!",
    "Он сказал: «Иди.»¦ Она ушла.",
    "Он сказал: «Иди».¦ Она ушла.",
    "«Стой!» — сказал он.¦ «Почему?» — спросила она.",
    "— Стой! — сказал он.¦ — Почему?¦ — Так надо.",
    "Он (начальник!) опоздал.¦ Никто не заметил.",
    "1. Молоко белое.¦ 2. Хлеб чёрный.",
    "Купи:¦\n1. Молоко¦\n2. Хлеб¦\n\nЭто всё.",
    "См. рис. 5 и табл. 3.¦ Спасибо.",
    "Это ок. 5 км отсюда.¦ Пешком.",
    "Г-н Иванов и г-жа Петрова.¦ Вот они.",
    "Д-р Иванов и проф. Петров спорят.¦ Громко.",
    "Музей им. Пушкина закрыт.¦ Жаль.",
    "Да.¦ Нет.¦ Может быть.",
    "Здравствуйте!¦ Меня зовут Анна.¦ Чем могу помочь?",
    "Сайт example.ru работает.¦ Почта тоже.",
    "Это сделал я.¦ Потом ушёл.",
    "Осталось 5.¦ Было шесть.",
    "Это 5 руб. за кг сахара.¦ Дёшево.",
    "Температура −5 °C.¦ Холодно.",
    "Скидка 20 %.¦ Берите!",
    "Отлично!¦🙂 Поехали.",
    "Первое.¦ | Второе.",
    "Ого!¦ как много.",
    "Тел. 8 800 555 35 35.¦ Звоните.",
];

#[test]
fn sentences_end_where_they_end_however_the_text_comes() {
    let bare = |sentence: &str| sentence.trim_matches(|edge: char| edge == '|' || edge.is_whitespace()).to_owned();
    let mut wrong = vec![];
    for golden in GOLDEN {
        let text = golden.replace('¦', "");
        let expected: Vec<String> = golden.split('¦').map(bare).collect();
        for language in [None, Some(if sentences::cyrillic(&text) { "ru-RU" } else { "en-US" })] {
            let at_once = sentences_of([text.as_str()].into_iter(), language);
            let in_letters = sentences_of(letters(&text), language);
            for (how, got) in [("at once", at_once), ("in letters", in_letters)] {
                let got: Vec<String> = got.iter().map(|sentence| bare(sentence)).collect();
                if got != expected {
                    wrong.push(format!("{how}: {}", got.join("¦ ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
