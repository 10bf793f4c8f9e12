//! Records → numbers, and the report for people: `load.md`.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use super::letters::Difference;
use super::record::{Outcome, Record};
use crate::bench::stats::Stats;

/// Providers, the one in front first: the first of them that spoke is who was to speak all the time.
const ORDER: [&str; 3] = ["elevenlabs_ws", "elevenlabs_http", "local"];

/// What was done, by name. Never a secret.
pub type Conditions = Vec<(&'static str, String)>;

/// All numbers of a load.
#[derive(Debug)]
pub struct Report {
    conditions: Conditions,
    /// How long it took, in seconds.
    seconds: f64,
    /// Utterances that ended.
    pub utterances: usize,
    /// Those that had begun when the load was broken off.
    unfinished: usize,
    complete: usize,
    cancelled: usize,
    /// Those that failed.
    pub failed: usize,
    /// Failures by code.
    errors: BTreeMap<String, usize>,
    fillers: usize,
    filler_errors: BTreeMap<String, usize>,
    /// Utterances by who spoke first and who spoke last.
    providers: BTreeMap<(String, String), usize>,
    fallbacks: usize,
    spoken: usize,
    outages: usize,
    gaps: u64,
    audio_seconds: f64,
    times: Vec<(&'static str, Option<Stats>)>,
    /// Utterances of which nothing was heard.
    pub silent: usize,
    /// Utterances whose sound was compared with their text.
    checked: usize,
    /// How those differed.
    pub difference: Difference,
    /// How the announced phrases of all utterances differed from their texts.
    announced: Difference,
    /// Whether some sound was to be compared.
    check: bool,
}

/// What was asked of a load, as far as its numbers depend on it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// ElevenLabs was to speak, even if it never did.
    pub elevenlabs: bool,
    /// Sounds were to be compared with their texts.
    pub check: bool,
}

impl Report {
    /// The numbers of `records`; `seconds` is how long it took, `unfinished` how many utterances have no record.
    pub fn new(conditions: Conditions, records: &[Record], seconds: f64, unfinished: usize, asked: Asked) -> Report {
        let count = |of: &dyn Fn(&Record) -> bool| records.iter().filter(|record| of(record)).count();
        let stats =
            |of: &dyn Fn(&Record) -> Option<f64>| Stats::of(&records.iter().filter_map(of).collect::<Vec<f64>>());
        let spoke = |record: &Record| record.provider_start.is_some() && record.bytes > 0;
        let place = |name: &Option<String>| ORDER.iter().position(|other| name.as_deref() == Some(other));
        let front = records
            .iter()
            .flat_map(|record| [&record.provider_start, &record.provider_end])
            .filter_map(place)
            .chain(asked.elevenlabs.then_some(1))
            .min();
        let fallback = |record: &Record| {
            let other = place(&record.provider_start).is_some_and(|place| Some(place) > front);
            spoke(record) && (record.switches > 0 || other)
        };
        let sum = |of: fn(&Record) -> Option<Difference>| {
            let mut sum = Difference::default();
            records.iter().filter_map(of).for_each(|one| sum += one);
            sum
        };
        let providers = records.iter().filter_map(|record| {
            let names = (record.provider_start.clone()?, record.provider_end.clone()?);
            spoke(record).then_some(names)
        });
        Report {
            conditions,
            seconds,
            utterances: records.len(),
            unfinished,
            complete: count(&|record| record.outcome == Outcome::Complete),
            cancelled: count(&|record| record.outcome == Outcome::Cancelled),
            failed: count(&|record| record.outcome == Outcome::Failed),
            errors: tally(records.iter().filter_map(|record| record.error.clone())),
            fillers: count(&|record| record.filler_ms.is_some()),
            filler_errors: tally(records.iter().filter_map(|record| record.filler_error.clone())),
            providers: tally(providers),
            fallbacks: count(&fallback),
            spoken: count(&spoke),
            outages: count(&|record| record.outage),
            gaps: records.iter().map(|record| record.gaps).sum(),
            audio_seconds: records.iter().map(|record| record.audio_ms).sum::<f64>() / 1000.0,
            times: vec![
                ("первый звук после первого текста", stats(&|record| record.first_audio_ms)),
                ("наибольшая пауза внутри реплики", stats(&|record| spoke(record).then_some(record.gap_max_ms))),
                ("сумма пауз внутри реплики", stats(&|record| spoke(record).then_some(record.gap_sum_ms))),
                ("последний звук после прерывания", stats(&|record| answered(record).and(record.cancel_reaction_ms))),
                ("ответ сервера на прерывание", stats(&answered)),
                ("заполнитель паузы после просьбы", stats(&|record| record.filler_ms)),
                ("новое соединение", stats(&|record| record.connect_ms)),
                ("опоздание генератора", stats(&|record| Some(record.late_ms))),
            ],
            silent: count(&Record::silent),
            checked: count(&|record| record.difference.is_some()),
            difference: sum(|record| record.difference),
            announced: sum(|record| record.announced),
            check: asked.check,
        }
    }

    /// Whether nothing went wrong that a caller could have noticed. Where sounds were to be compared and none could be,
    /// nobody knows.
    pub fn clean(&self) -> bool {
        let right = [self.difference, self.announced] == [Difference::default(); 2];
        self.failed == 0 && self.silent == 0 && right && (self.checked > 0 || !self.check)
    }

    /// What was heard, in a line.
    pub fn heard(&self) -> String {
        let Difference { lost, repeated } = self.difference;
        let checked = match self.checked {
            0 if self.check => "звук сверить не удалось: ElevenLabs не сказал целиком ни одной реплики".to_owned(),
            0 => "звук не сверялся".to_owned(),
            checked => format!("потеряно знаков: {lost}, повторено: {repeated} (сверено реплик: {checked})"),
        };
        let Difference { lost, repeated } = self.announced;
        format!(
            "{checked}; в объявленных фразах потеряно: {lost}, повторено: {repeated}; немых реплик: {}",
            self.silent
        )
    }

    /// The first sound, for a line on the screen.
    pub fn first_audio(&self) -> Option<&Stats> {
        self.times.first().and_then(|(_, stats)| stats.as_ref())
    }

    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "# Нагрузка на /ws/tts\n")?;
        for (name, value) in &self.conditions {
            writeln!(out, "- {name}: `{}`", value.replace('`', "'"))?;
        }
        let Report { seconds, utterances, unfinished, complete, cancelled, failed, .. } = self;
        let share = |part: usize, of: usize| 100.0 * part as f64 / of.max(1) as f64;
        writeln!(out, "\n## Итог\n")?;
        writeln!(out, "- реплик: {utterances}; целиком {complete}, прервано {cancelled}, не удалось {failed}")?;
        if *unfinished > 0 {
            writeln!(out, "- не закончилось до остановки: {unfinished}")?;
        }
        writeln!(out, "- {}", self.heard())?;
        writeln!(out, "- сообщений «никто не может говорить»: {}", self.outages)?;
        writeln!(
            out,
            "- с заменой голоса: {} из {} ({:.1} %)",
            self.fallbacks,
            self.spoken,
            share(self.fallbacks, self.spoken)
        )?;
        writeln!(out, "- пауз длиннее 20 мс: {}", self.gaps)?;
        let pace = seconds.max(f64::EPSILON);
        writeln!(
            out,
            "- пропускная способность: {:.2} реплики/с, {:.2} с звука в секунду за {seconds:.1} с",
            *utterances as f64 / pace,
            self.audio_seconds / pace
        )?;

        writeln!(out, "\n## Времена, мс\n")?;
        writeln!(out, "| показатель | n | p50 | p90 | p95 | p99 | макс. |")?;
        writeln!(out, "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
        for (name, stats) in &self.times {
            let Some(Stats { n, p50, p90, p95, p99, max, .. }) = stats else { continue };
            writeln!(out, "| {name} | {n} | {p50:.1} | {p90:.1} | {p95:.1} | {p99:.1} | {max:.1} |")?;
        }

        writeln!(out, "\n## Кто говорил\n")?;
        writeln!(out, "| начал | закончил | реплик | доля |")?;
        writeln!(out, "| --- | --- | ---: | ---: |")?;
        for ((start, end), count) in &self.providers {
            writeln!(out, "| {start} | {end} | {count} | {:.1} % |", share(*count, self.spoken))?;
        }

        errors(out, "Ошибки", &self.errors, self.utterances)?;
        let asked = self.fillers + self.filler_errors.values().sum::<usize>();
        errors(out, "Заполнители, которых не было", &self.filler_errors, asked)?;

        writeln!(
            out,
            "\n## Как измерено\n\n\
             - диалоги начинаются по расписанию, не дожидаясь прежних; опоздание генератора - от срока до первого сообщения\n\
             - первый звук: от первого отправленного куска текста до первого сообщения со звуком реплики\n\
             - паузы: по часам слушателя, который играет звук сразу, как он пришёл, и ждёт, когда его нет\n\
             - последний звук после прерывания: 0, если после него не пришло ничего\n\
             - сверяются буквы и цифры реплик, которые от начала до конца говорил ElevenLabs (эмулятор); у прерванных - только \
             прозвучавшее начало\n\
             - объявленные фразы (`phrase`) сверяются с текстом у всех реплик, кто бы их ни говорил\n\
             - перцентили по ближайшему рангу: значение на месте ⌈p/100·n⌉ среди упорядоченных"
        )
    }
}

/// When the server said that it had stopped, for utterances that did not end before.
fn answered(record: &Record) -> Option<f64> {
    record.cancel_answer_ms.filter(|_| record.outcome == Outcome::Cancelled)
}

fn errors(out: &mut String, title: &str, errors: &BTreeMap<String, usize>, of: usize) -> fmt::Result {
    if errors.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n## {title}\n\n| код | раз |\n| --- | ---: |")?;
    for (code, count) in errors {
        writeln!(out, "| {} | {count} |", code.replace('|', "/"))?;
    }
    writeln!(out, "\nВсего: {} из {of}.", errors.values().sum::<usize>())
}

fn tally<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut tally = BTreeMap::new();
    for key in keys {
        *tally.entry(key).or_default() += 1;
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoken(first_audio_ms: f64, start: &str, end: &str) -> Record {
        Record {
            first_audio_ms: Some(first_audio_ms),
            provider_start: Some(start.to_owned()),
            provider_end: Some(end.to_owned()),
            switches: u64::from(start != end),
            outcome: Outcome::Complete,
            audio_ms: 2_000.0,
            bytes: 64_000,
            ..Record::default()
        }
    }

    fn failed(code: &str) -> Record {
        Record { error: Some(code.to_owned()), ..Record::default() }
    }

    #[test]
    fn it_says_what_a_caller_would_notice() {
        let mut records: Vec<Record> =
            (1..=98).map(|ms| spoken(f64::from(ms), "elevenlabs_ws", "elevenlabs_ws")).collect();
        records[0].difference = Some(Difference { lost: 3, repeated: 1 });
        records[1].difference = Some(Difference { lost: 0, repeated: 1 });
        records[3].announced = Some(Difference { lost: 5, repeated: 0 });
        (records[2].gap_max_ms, records[2].gap_sum_ms, records[2].gaps) = (70.0, 95.0, 2);
        records.push(spoken(99.0, "elevenlabs_ws", "local"));
        records.push(spoken(100.0, "local", "local"));
        records.push(Record {
            outcome: Outcome::Cancelled,
            cancel_ms: Some(900.0),
            cancel_reaction_ms: Some(12.5),
            cancel_answer_ms: Some(13.0),
            ..spoken(50.0, "elevenlabs_http", "elevenlabs_http")
        });
        records.extend([failed("overloaded"), failed("overloaded"), failed("a|b")]);
        // Interrupted before its first sound, when it had failed already: nobody waited for it.
        records.push(Record { cancel_ms: Some(1.0), cancel_reaction_ms: Some(0.0), ..failed("overloaded") });
        let report = Report::new(vec![("url", "http://host`".to_owned())], &records, 20.0, 2, Asked::default());
        assert!(!report.clean());
        let text = report.markdown();
        for part in [
            "- url: `http://host'`\n",
            "- реплик: 105; целиком 100, прервано 1, не удалось 4\n",
            "- не закончилось до остановки: 2\n",
            "- потеряно знаков: 3, повторено: 2 (сверено реплик: 2); в объявленных фразах потеряно: 5, повторено: 0; немых реплик: 3\n",
            "- с заменой голоса: 3 из 101 (3.0 %)\n",
            "- пауз длиннее 20 мс: 2\n",
            "5.25 реплики/с, 10.10 с звука в секунду за 20.0 с\n",
            "| первый звук после первого текста | 101 | 50.0 | 90.0 | 95.0 | 99.0 | 100.0 |\n",
            "| наибольшая пауза внутри реплики | 101 | 0.0 | 0.0 | 0.0 | 0.0 | 70.0 |\n",
            "| последний звук после прерывания | 1 | 12.5 | 12.5 | 12.5 | 12.5 | 12.5 |\n",
            "| ответ сервера на прерывание | 1 | 13.0 |",
            "| elevenlabs_ws | local | 1 | 1.0 % |\n",
            "| elevenlabs_ws | elevenlabs_ws | 98 | 97.0 % |\n",
            "| overloaded | 3 |\n",
            "| a/b | 1 |\n",
            "Всего: 4 из 105.",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("заполнитель паузы") && !text.contains("Заполнители"), "nobody asked for any");
    }

    #[test]
    fn where_only_the_local_voice_is_there_nothing_is_replaced() {
        let report = Report::new(Vec::new(), &[spoken(1.0, "local", "local")], 1.0, 0, Asked::default());
        assert!(report.clean());
        let text = report.markdown();
        assert!(
            text.contains("с заменой голоса: 0 из 1")
                && text.contains("- звук не сверялся; в объявленных фразах потеряно: 0, повторено: 0; немых реплик: 0"),
            "{text}"
        );
    }

    #[test]
    fn what_was_to_be_checked_and_was_not_is_not_clean() {
        let clean = |record: Record, check| {
            Report::new(Vec::new(), &[record], 1.0, 0, Asked { elevenlabs: true, check }).clean()
        };
        let local = || spoken(1.0, "local", "local");
        assert!(clean(local(), false) && !clean(local(), true));
        assert!(clean(Record { difference: Some(Difference::default()), ..local() }, true));
        assert!(!clean(Record { announced: Some(Difference { lost: 0, repeated: 1 }), ..local() }, false));
    }

    #[test]
    fn a_load_without_any_utterance_has_a_report() {
        let text = Report::new(Vec::new(), &[], 0.0, 0, Asked { elevenlabs: true, check: false }).markdown();
        assert!(text.contains("- реплик: 0;") && !text.contains("NaN"), "{text}");
    }
}
