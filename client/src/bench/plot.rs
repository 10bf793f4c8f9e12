//! The distributions as a picture: every measured value is a dot, the medians are bars.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::cases::{Case, Metric, Outcome};
use super::report::{GOAL_MS, values};
use super::stats::Stats;

type Drawn = Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const SIZE: (u32, u32) = (900, 900);

/// What one panel shows of a case.
type Pick = fn(Case) -> Metric;

const PANELS: [(&str, Pick); 3] = [
    ("До первого звука, мс (TTFT или TTFA; пунктир: цель)", Case::first),
    ("Всего, мс", |_| Metric::TotalMs),
    ("Рукопожатие, мс", |_| Metric::HandshakeMs),
];

/// The picture as SVG.
///
/// # Errors
/// When it cannot be drawn, with the reason.
pub fn svg(outcomes: &[Outcome]) -> Result<String, String> {
    let mut text = String::new();
    draw(&mut text, outcomes).map_err(|error| error.to_string())?;
    Ok(text)
}

fn draw(text: &mut String, outcomes: &[Outcome]) -> Drawn {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let areas = root.split_evenly((PANELS.len(), 1));
    for (area, (title, pick)) in areas.iter().zip(PANELS) {
        let rows: Vec<(Case, Vec<f64>)> = Case::ALL
            .into_iter()
            .map(|case| (case, values(outcomes, case, pick(case))))
            .filter(|(_, values)| !values.is_empty())
            .collect();
        let goal = (pick(Case::WsShort) == Case::WsShort.first()).then_some(GOAL_MS);
        panel(area, title, &rows, goal)?;
    }
    root.present()?;
    Ok(())
}

fn panel(area: &Area<'_>, title: &str, rows: &[(Case, Vec<f64>)], goal: Option<f64>) -> Drawn {
    let largest = rows.iter().flat_map(|(_, values)| values).copied().chain(goal).fold(1.0, f64::max);
    let count = rows.len().max(1);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 17))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(170)
        // Rows are whole numbers from the top down, half a row of room above and below.
        .build_cartesian_2d(0.0..largest * 1.05, (count as f64 - 0.5)..-0.5)?;
    let name = |row: &f64| {
        let at = row.round();
        let whole = (row - at).abs() < 0.01 && at >= 0.0;
        rows.get(at as usize).filter(|_| whole).map_or_else(String::new, |(case, _)| case.title().to_owned())
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(WHITE)
        .y_labels(2 * count + 1)
        .y_label_formatter(&name)
        .x_label_formatter(&|ms| format!("{ms:.0}"))
        .label_style(("sans-serif", 13))
        .draw()?;
    if let Some(goal) = goal {
        let line = [(goal, -0.5), (goal, count as f64 - 0.5)];
        chart.draw_series(DashedLineSeries::new(line, 6, 4, RED.stroke_width(1)))?;
    }
    for (row, (_, values)) in rows.iter().enumerate() {
        let at = row as f64;
        chart.draw_series(values.iter().map(|&ms| Circle::new((ms, at), 4, BLUE.mix(0.35).filled())))?;
        if let Some(stats) = Stats::of(values) {
            let bar = vec![(stats.p50, at - 0.3), (stats.p50, at + 0.3)];
            chart.draw_series([PathElement::new(bar, BLACK.stroke_width(2))])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::report;
    use super::*;

    #[test]
    fn every_value_is_a_dot_and_every_row_has_its_name() {
        let (_, outcomes) = report::tests::sample();
        let text = svg(&outcomes).unwrap();
        // 13 runs succeeded; each has a first sound and a total, 8 have a handshake.
        assert_eq!(text.matches("<circle").count(), 13 + 13 + 8, "{text}");
        for case in Case::ALL {
            let panels = if case.mode() == "http" || case == Case::Warm { 2 } else { 3 };
            assert_eq!(text.matches(case.title()).count(), panels, "{case:?}");
        }
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn no_values_at_all_are_a_picture_too() {
        assert!(svg(&[]).unwrap().trim_end().ends_with("</svg>"));
    }
}
