//! The report for people: `tts_summary_*.md`.

use std::fmt::{self, Write};

use serde_json::Value;

use super::cases::{Case, Metric};
use super::report::{CaseReport, Report};

/// The report as Markdown. `plot` is the file name of the picture beside it.
pub fn markdown(report: &Report, plot: &str) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, report, plot);
    text
}

fn write(out: &mut String, report: &Report, plot: &str) -> fmt::Result {
    let conditions = &report.conditions;
    writeln!(out, "# Сводка измерений TTS\n")?;
    writeln!(out, "- дата: {}", conditions.date)?;
    writeln!(out, "- кого измеряли: `{}`", plain(&serde_json::to_value(conditions.target).unwrap_or_default()))?;
    for (name, value) in &conditions.details {
        writeln!(out, "- {name}: `{}`", plain(value))?;
    }
    writeln!(out, "- повторов каждого случая: {}", conditions.repeats)?;
    writeln!(out, "- прогонов: {}, из них не удалось: {}\n", report.runs, report.failed)?;

    writeln!(out, "## Времена, мс\n")?;
    writeln!(out, "| случай | знаков | показатель | n | p50 | p95 | среднее | мин. | макс. |")?;
    writeln!(out, "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")?;
    for (case, numbers) in &report.cases {
        rows(out, *case, numbers)?;
    }
    writeln!(out, "\n![Распределение времён]({plot})\n")?;

    let goal = report.goal_ttft_ms;
    writeln!(out, "## Цель: первый звук раньше {goal} мс (`goal_ttft_ms`), p95\n")?;
    writeln!(out, "| случай | p95 до первого звука | цель |")?;
    writeln!(out, "| --- | ---: | --- |")?;
    for (case, numbers) in &report.cases {
        let first = numbers.metrics.get(&case.first());
        let p95 = first.map_or_else(|| "–".to_owned(), |stats| format!("{:.1}", stats.p95));
        writeln!(out, "| {} | {p95} | {} |", case.title(), verdict(numbers))?;
    }

    if let Some(gain) = &report.warm_gain_ms {
        writeln!(out, "\n## Тёплый сокет против холодного\n")?;
        writeln!(
            out,
            "Прогоны чередуются; на тёплом сокете первый звук раньше на {:.1} мс (p50 по {} парам; от {:.1} до {:.1}).",
            gain.p50, gain.n, gain.min, gain.max
        )?;
        if let Some(rtt) = conditions.details.get("rtt_ms").and_then(Value::as_f64).filter(|rtt| *rtt > 0.0) {
            writeln!(
                out,
                "Это {:.2} времени в сети туда и обратно; в худшей паре {:.2}.",
                gain.p50 / rtt,
                gain.min / rtt
            )?;
        }
    }

    let failures: Vec<_> = report
        .cases
        .iter()
        .flat_map(|(case, numbers)| numbers.failures.iter().map(move |failure| (case, failure)))
        .collect();
    if !failures.is_empty() {
        writeln!(out, "\n## Не удалось\n")?;
        for (case, failure) in failures {
            let error = failure.error.split_whitespace().collect::<Vec<_>>().join(" ");
            writeln!(out, "- {}, прогон {}: `{}`", case.title(), failure.run, error.replace('`', "'"))?;
        }
    }

    writeln!(
        out,
        "\n## Как измерено\n\n\
         - рукопожатие: имя, TCP, TLS и переход на WebSocket\n\
         - TTFT: от первого отправленного текста до первого звука; сокет уже открыт\n\
         - TTFA: от запроса до первого звука вместе со всем, что для него нужно (соединением тоже)\n\
         - всего: от того же начала до последнего звука\n\
         - каждый прогон, кроме тёплого, идёт по новому соединению; переподключение: второй сокет после закрытого первого\n\
         - перцентили по ближайшему рангу: значение на месте ⌈p/100·n⌉ среди упорядоченных; при n < 20 p95 равен наибольшему"
    )
}

fn rows(out: &mut String, case: Case, numbers: &CaseReport) -> fmt::Result {
    for metric in Metric::ALL {
        let Some(stats) = numbers.metrics.get(&metric) else { continue };
        writeln!(
            out,
            "| {} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            case.title(),
            numbers.chars,
            metric.title(),
            stats.n,
            stats.p50,
            stats.p95,
            stats.avg,
            stats.min,
            stats.max
        )?;
    }
    Ok(())
}

fn verdict(numbers: &CaseReport) -> &'static str {
    match numbers.goal_met {
        Some(true) => "достигнута",
        Some(false) => "не достигнута",
        None => "нет ни одного удачного прогона",
    }
}

/// A text without its quotes, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::report;
    use super::*;

    #[test]
    fn it_says_what_the_numbers_are_and_what_failed() {
        let (report, _) = report::tests::sample();
        let text = markdown(&report, "plot.svg");
        for part in [
            "- кого измеряли: `emulator`\n",
            "- rtt_ms: `50`\n",
            "| TTFT | 2 | 100.0 | 200.0 | 150.0 | 100.0 | 200.0 |\n",
            "| WS, тёплый сокет | 52.0 | достигнута |\n",
            "| HTTP, длинная | 900.0 | не достигнута |\n",
            "![Распределение времён](plot.svg)",
            "раньше на 198.0 мс (p50 по 2 парам; от 198.0 до 199.0)",
            "Это 3.96 времени в сети туда и обратно; в худшей паре 3.96.",
            "- HTTP, длинная, прогон 2: `оборвался <на | середине>`\n",
            "`goal_ttft_ms`",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
