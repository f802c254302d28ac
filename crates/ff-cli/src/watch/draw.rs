//! Draws a snapshot on the terminal.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Block, Chart, Dataset, Gauge, GraphType, Paragraph, Row, Table};

use super::snapshot::{Running, Snapshot};

// Two colours that colour-blind people can tell apart, on a dark and on a light background.
const TRAIN: Color = Color::Blue;
const VALIDATION: Color = Color::Yellow;

/// Draws a snapshot, with the learning curve of the running job number `chosen`, counted from 0.
pub fn draw(frame: &mut Frame<'_>, snapshot: &Snapshot, chosen: usize) {
    let rows = |count: usize, most: usize| Constraint::Length(count.clamp(1, most) as u16 + 3);
    let [head, running, curve, best, foot] = Layout::vertical([
        Constraint::Length(3),
        rows(snapshot.running.len(), 8),
        Constraint::Min(8),
        rows(snapshot.best.len(), 8),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let gauge = Gauge::default()
        .block(Block::bordered().title("Progress"))
        .ratio(snapshot.share.clamp(0.0, 1.0))
        .label(snapshot.headline());
    frame.render_widget(gauge, head);
    frame.render_widget(table_of_running(snapshot, chosen), running);
    match snapshot.running.get(chosen) {
        Some(one) if one.history.len() > 1 => draw_curve(frame, one, curve),
        _ => {
            let text = "The curve of the selected job appears after its second epoch.";
            frame.render_widget(Paragraph::new(text).block(Block::bordered().title("Learning curve")), curve);
        }
    }
    let rows = snapshot.best.iter().map(|best| Row::new([format!("{:.4}", best.score), best.label.clone()]));
    let table = Table::new(rows, [Constraint::Length(8), Constraint::Fill(1)])
        .header(header(["score", "model"]))
        .block(Block::bordered().title("Best validation score of each column so far"));
    frame.render_widget(table, best);
    frame.render_widget(Line::from("↑ ↓ select a job   q quit (jobs keep running)"), foot);
}

fn header<const N: usize>(names: [&'static str; N]) -> Row<'static> {
    Row::new(names).style(Style::new().add_modifier(Modifier::BOLD))
}

fn table_of_running(snapshot: &Snapshot, chosen: usize) -> Table<'_> {
    let rows = snapshot.running.iter().enumerate().map(|(at, one)| {
        let style = Style::new();
        let style = if at == chosen { style.add_modifier(Modifier::REVERSED) } else { style };
        Row::new([one.label.clone(), one.progress(), one.device.clone(), one.owner.clone()]).style(style)
    });
    let widths = [Constraint::Fill(3), Constraint::Fill(4), Constraint::Length(8), Constraint::Fill(2)];
    let title = if snapshot.running.is_empty() { "Running: no jobs" } else { "Running" };
    Table::new(rows, widths)
        .header(header(["job", "progress", "device", "process"]))
        .block(Block::bordered().title(title))
}

fn draw_curve(frame: &mut Frame<'_>, one: &Running, area: Rect) {
    let curve = |value: fn(&ff_train::EpochRecord) -> f64| -> Vec<(f64, f64)> {
        let points = one.history.iter().map(|epoch| (f64::from(epoch.epoch), value(epoch)));
        points.filter(|(_, value)| value.is_finite()).collect()
    };
    let (train, validation) = (curve(|epoch| epoch.train_loss), curve(|epoch| epoch.validation_loss));
    let line = |name: &'static str, points, color, marker| {
        let line = Dataset::default().name(name).marker(marker).graph_type(GraphType::Line);
        line.style(Style::new().fg(color)).data(points)
    };
    let losses = || train.iter().chain(&validation).map(|(_, loss)| *loss);
    let (low, high) = (losses().fold(f64::INFINITY, f64::min), losses().fold(f64::NEG_INFINITY, f64::max));
    let last = one.epochs.max(2) as f64;
    let labels = |ends: [f64; 2], digits: usize| ends.map(|end| Span::from(format!("{end:.digits$}")));
    let chart = Chart::new(vec![
        line("training", &train, TRAIN, Marker::Braille),
        line("validation", &validation, VALIDATION, Marker::Dot),
    ])
    .block(Block::bordered().title(format!("Loss of {}", one.label)))
    .x_axis(Axis::default().title("epoch").bounds([1.0, last]).labels(labels([1.0, last], 0)))
    .y_axis(Axis::default().bounds([low, high]).labels(labels([low, high], 3)));
    frame.render_widget(chart, area);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::snapshot::Best;
    use ff_eval::Value;
    use ff_train::EpochRecord;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn epoch(epoch: u32, train_loss: f64, validation_loss: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            step: epoch as usize * 4,
            learning_rate: 1e-3,
            train_loss,
            validation_loss,
            validation: Value::Defined(0.5 + f64::from(epoch) / 100.0),
            images: 640,
            skipped: vec![],
            hooks: Default::default(),
            seconds: 2.0,
            data_seconds: 0.0,
        }
    }

    fn running(label: &str, history: Vec<EpochRecord>) -> Running {
        let (owner, device) = ("process 42 on node7".into(), "cuda:0".into());
        Running { id: "0123456789abcdef".into(), label: label.into(), owner, device, epochs: 10, history }
    }

    fn screen(snapshot: &Snapshot) -> String {
        let mut terminal = Terminal::new(TestBackend::new(100, 34)).unwrap();
        terminal.draw(|frame| draw(frame, snapshot, 0)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn a_grid_that_runs() {
        let history = (1..=6).map(|at| epoch(at, 2.0 / f64::from(at), 1.0 + 1.0 / f64::from(at))).collect();
        let best = Best {
            column: "cells".into(),
            label: "cells ResNet50: lr 1e-4 heavy seed 0".into(),
            score: 0.9312,
        };
        insta::assert_snapshot!(screen(&Snapshot {
            done: 31,
            jobs: 96,
            missing: 4,
            share: 0.42,
            left_seconds: Some(7000.0),
            images_per_second: 640.0,
            running: vec![
                running("cells ResNet50: lr 1e-5 heavy seed 0", history),
                running("cells ResNet50: GoG", vec![])
            ],
            best: vec![best],
        }));
    }

    #[test]
    fn an_idle_grid() {
        let shown = screen(&Snapshot { jobs: 96, ..Snapshot::default() });
        assert!(shown.contains("Running: no jobs") && shown.contains("0 of 96 jobs done"), "{shown}");
    }
}
