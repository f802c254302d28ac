//! Where everything of the plot stands, and drawing it. All lengths are pixels.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::{Curve, CurveKind, Curves, Span, Spot};
use crate::error::Error;
use crate::figure::draw::{Canvas, Drawn, draw_line, draw_marker, draw_text, draw_upright, picture};
use crate::figure::layout::{LABEL_SIZE, Pixel, STEP, TICK, TICK_SIZE, width};
use crate::figure::scale::Scale;
use crate::figure::style::{FAINT, GREY, Style, reference_dash};

/// Of the whole picture.
const WIDTH: i32 = 560;
/// Left of the plot: the same for all, so that plots one below the other are in line.
const LEFT: i32 = 82;
const RIGHT: i32 = 14;
const TOP: i32 = 12;
/// Length of a line in the legend.
const SAMPLE: i32 = 30;

struct CurvesLayout {
    x: Scale,
    y: Scale,
    /// The plot's upper left and lower right corners.
    from: Pixel,
    to: Pixel,
    /// The upper left corner of each entry of the legend.
    entries: Vec<Pixel>,
    size: (u32, u32),
}

pub(super) fn svg(plot: &Curves) -> Result<String, Error> {
    let layout = CurvesLayout::of(plot);
    picture(&plot.title, layout.size, |canvas| draw(plot, &layout, canvas))
}

/// The names in the legend.
fn names(plot: &Curves) -> Vec<&str> {
    let curves = plot.curves.iter().filter(|curve| curve.kind != CurveKind::Faint);
    let names = curves.map(|curve| &curve.name).chain(&plot.diagonal);
    if plot.legend { names.map(String::as_str).collect() } else { Vec::new() }
}

impl CurvesLayout {
    fn of(plot: &Curves) -> CurvesLayout {
        let spots = || plot.curves.iter().flat_map(|curve| &curve.spots);
        let ends = |ends: Option<(f64, f64)>| ends.into_iter().flat_map(|(low, high)| [low, high]);
        let x = scale(plot.x, spots().flat_map(|spot| [spot.x].into_iter().chain(ends(spot.x_ends))), 6.0);
        let count = f64::from(plot.height / 40);
        let y = scale(plot.y, spots().flat_map(|spot| [spot.y].into_iter().chain(ends(spot.y_ends))), count);
        let (from, to) = ((LEFT, TOP), (WIDTH - RIGHT, TOP + plot.height as i32));
        let mut below = to.1 + TICK + TICK_SIZE + 8;
        below += if plot.x_label.is_empty() { 0 } else { LABEL_SIZE + 8 };
        let mut at = (LEFT, below + 6);
        let mut entries = Vec::new();
        for name in names(plot) {
            let wide = SAMPLE + 8 + width(name, TICK_SIZE) + 18;
            if at.0 > LEFT && at.0 + wide > WIDTH {
                at = (LEFT, at.1 + STEP);
            }
            entries.push(at);
            at.0 += wide;
        }
        let bottom = entries.last().map_or(below, |last| last.1 + STEP);
        CurvesLayout { x, y, from, to, entries, size: (WIDTH as u32, (bottom + 4) as u32) }
    }

    fn place(&self, x: f64, y: f64) -> Pixel {
        let share = |scale: &Scale, at: f64| (at - scale.low) / (scale.high - scale.low);
        let between = |from: i32, to: i32, share: f64| from + (share * f64::from(to - from)).round() as i32;
        let (across, up) = (share(&self.x, x), share(&self.y, y));
        (between(self.from.0, self.to.0, across), between(self.to.1, self.from.1, up))
    }
}

/// A number on an axis; `None` if it has no place there.
fn on(span: Span, number: f64) -> Option<f64> {
    match span {
        Span::Powers => (number > 0.0).then(|| number.log10()),
        Span::Data | Span::Unit | Span::Epochs(_) => Some(number),
    }
}

fn scale(span: Span, numbers: impl Iterator<Item = f64> + Clone, count: f64) -> Scale {
    match span {
        Span::Unit => Scale::unit(),
        Span::Epochs(last) => Scale::around([0.0, f64::from(last)].into_iter(), count),
        Span::Data => Scale::around(numbers, count),
        Span::Powers => Scale::powers(numbers.filter_map(|number| on(span, number))),
    }
}

fn draw(plot: &Curves, layout: &CurvesLayout, canvas: &Canvas) -> Drawn {
    let (from, to) = (layout.from, layout.to);
    let grey = |width| GREY.stroke_width(width);
    for (y, name) in &layout.y.ticks {
        let height = layout.place(layout.x.low, *y).1;
        draw_line(canvas, vec![(from.0, height), (to.0, height)], FAINT.stroke_width(1), None)?;
        draw_text(canvas, name, (from.0 - TICK - 2, height), TICK_SIZE, HPos::Right, VPos::Center)?;
    }
    for (x, name) in &layout.x.ticks {
        let across = layout.place(*x, layout.y.low).0;
        draw_line(canvas, vec![(across, from.1), (across, to.1)], FAINT.stroke_width(1), None)?;
        draw_text(canvas, name, (across, to.1 + TICK + 2), TICK_SIZE, HPos::Center, VPos::Top)?;
    }
    draw_line(canvas, vec![from, (from.0, to.1), to], grey(1), None)?;
    let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
    let below = to.1 + TICK + TICK_SIZE + 8;
    draw_text(canvas, &plot.x_label, (middle.0, below), LABEL_SIZE, HPos::Center, VPos::Top)?;
    draw_upright(canvas, &plot.y_label, (4, middle.1), LABEL_SIZE, HPos::Center, VPos::Top)?;
    if plot.diagonal.is_some() {
        let (low, high) = (layout.x.low.max(layout.y.low), layout.x.high.min(layout.y.high));
        if low < high {
            let ends = vec![layout.place(low, low), layout.place(high, high)];
            draw_line(canvas, ends, grey(1), Some(reference_dash(1)))?;
        }
    }
    let rank = |kind: CurveKind| match kind {
        CurveKind::Faint => 0,
        CurveKind::Line | CurveKind::Emphasis => 1,
        CurveKind::Marks => 2,
    };
    for layer in 0..=2 {
        let mut nth = 0;
        for curve in &plot.curves {
            if rank(curve.kind) == layer {
                draw_curve(plot, layout, canvas, nth, curve)?;
            }
            nth += usize::from(curve.kind != CurveKind::Faint);
        }
    }
    draw_legend(plot, layout, canvas)
}

fn style(nth: usize, kind: CurveKind) -> Style {
    let style = Style::new(nth, kind == CurveKind::Emphasis);
    match kind {
        CurveKind::Faint => Style { colour: RGBColor(170, 170, 170), width: 1, dash: None, ..style },
        CurveKind::Line | CurveKind::Marks | CurveKind::Emphasis => style,
    }
}

fn draw_curve(plot: &Curves, layout: &CurvesLayout, canvas: &Canvas, nth: usize, curve: &Curve) -> Drawn {
    let style = style(nth, curve.kind);
    let place = |x: f64, y: f64| Some(layout.place(on(plot.x, x)?, on(plot.y, y)?));
    if matches!(curve.kind, CurveKind::Line | CurveKind::Faint) {
        let path = curve.spots.iter().filter_map(|spot| place(spot.x, spot.y)).collect();
        draw_line(canvas, shortened(path), style.colour.stroke_width(style.width), style.dash)?;
    }
    for spot in &curve.spots {
        let stroke = style.colour.stroke_width(1);
        for (ends, along) in [(spot.x_ends, true), (spot.y_ends, false)] {
            let end = |at: f64| if along { place(at, spot.y) } else { place(spot.x, at) };
            if let Some((Some(low), Some(high))) = ends.map(|(low, high)| (end(low), end(high))) {
                draw_line(canvas, vec![low, high], stroke, None)?;
            }
        }
    }
    if curve.kind == CurveKind::Line && curve.spots.iter().all(|spot| !spot.mark) {
        let path: Vec<Pixel> = curve.spots.iter().filter_map(|spot| place(spot.x, spot.y)).collect();
        identify(&path, nth).into_iter().try_for_each(|at| draw_marker(canvas, at, &style))?;
    }
    let marked = |spot: &&Spot| spot.mark || matches!(curve.kind, CurveKind::Marks | CurveKind::Emphasis);
    for spot in curve.spots.iter().filter(marked).filter_map(|spot| place(spot.x, spot.y)) {
        draw_marker(canvas, spot, &style)?;
    }
    Ok(())
}

/// Where a line without marks of its own has some, so that it can be told from the others without its colour: at thirds of
/// its length, those of different lines at different places.
fn identify(path: &[Pixel], nth: usize) -> Vec<Pixel> {
    let step = |ends: &[Pixel]| f64::from((ends[1].0 - ends[0].0).abs() + (ends[1].1 - ends[0].1).abs());
    let length: f64 = path.windows(2).map(step).sum();
    let first = 0.08 + 0.05 * (nth % 5) as f64;
    let mut places = (0..3).map(|third| (first + f64::from(third) / 3.0) * length).peekable();
    let (mut along, mut marks) = (0.0, Vec::new());
    for ends in path.windows(2) {
        along += step(ends);
        if places.next_if(|&place| place <= along).is_some() {
            marks.push(ends[1]);
        }
    }
    marks
}

/// The path without what the pixels cannot show: points on the same pixel, and between two others on a straight line.
fn shortened(path: Vec<Pixel>) -> Vec<Pixel> {
    let mut kept: Vec<Pixel> = Vec::new();
    for here in path {
        if let [.., before, last] = kept[..] {
            let (one, other) = ((last.0 - before.0, last.1 - before.1), (here.0 - last.0, here.1 - last.1));
            if one.0 * other.1 == one.1 * other.0 && one.0 * other.0 >= 0 && one.1 * other.1 >= 0 {
                kept.pop();
            }
        }
        if kept.last() != Some(&here) {
            kept.push(here);
        }
    }
    kept
}

fn draw_legend(plot: &Curves, layout: &CurvesLayout, canvas: &Canvas) -> Drawn {
    let shown: Vec<&Curve> = plot.curves.iter().filter(|curve| curve.kind != CurveKind::Faint).collect();
    for (nth, (&(left, top), name)) in layout.entries.iter().zip(names(plot)).enumerate() {
        let height = top + STEP / 2;
        let sample = vec![(left, height), (left + SAMPLE, height)];
        match shown.get(nth) {
            Some(curve) => {
                let style = style(nth, curve.kind);
                if curve.kind == CurveKind::Line {
                    draw_line(canvas, sample, style.colour.stroke_width(style.width), style.dash)?;
                }
                draw_marker(canvas, (left + SAMPLE / 2, height), &style)?;
            }
            None => draw_line(canvas, sample, GREY.stroke_width(1), Some(reference_dash(1)))?,
        }
        draw_text(canvas, name, (left + SAMPLE + 8, height), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    Ok(())
}
