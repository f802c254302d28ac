//! Drawing a plot of curves as SVG.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color, RGBColor};

use crate::error::Error;
use crate::figure::canvas::{Canvas, Drawn, Pixel, draw_line, draw_marker, draw_sample, draw_text, picture};
use crate::figure::curves::data::{Curve, CurveKind, Curves, Spot};
use crate::figure::curves::layout::{CurvesLayout, SAMPLE};
use crate::figure::measure::{STEP, TICK_SIZE};
use crate::figure::style::{GREY, Style, reference_dash};

impl Curves {
    /// Draws the plot as an SVG picture, with the same bytes for the same plot.
    ///
    /// Series have the styles of [`crate::LinePlot::to_svg`].
    ///
    /// # Errors
    /// [`Error::NotFinite`], [`Error::NoPoint`] without points, [`Error::Drawing`].
    pub fn to_svg(&self) -> Result<String, Error> {
        self.check()?;
        let layout = CurvesLayout::of(self);
        picture(&self.title, layout.size, |canvas| draw(self, &layout, canvas))
    }
}

fn draw(plot: &Curves, layout: &CurvesLayout, canvas: &Canvas) -> Drawn {
    let frame = &layout.frame;
    frame.draw_axes(canvas, &plot.x_label, &plot.y_label)?;
    if plot.diagonal.is_some() {
        let (low, high) = (frame.x.low.max(frame.y.low), frame.x.high.min(frame.y.high));
        if low < high {
            let ends = vec![frame.place(low, low), frame.place(high, high)];
            draw_line(canvas, ends, GREY.stroke_width(1), Some(reference_dash(1)))?;
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
    let place = |x: f64, y: f64| Some(layout.frame.place(plot.x.on(x)?, plot.y.on(y)?));
    let path: Vec<Pixel> = curve.spots.iter().filter_map(|spot| place(spot.x, spot.y)).collect();
    if matches!(curve.kind, CurveKind::Line | CurveKind::Faint) {
        draw_line(canvas, shortened(&path), style.stroke(), style.dash)?;
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
        identify(&path, nth).into_iter().try_for_each(|at| draw_marker(canvas, at, &style))?;
    }
    let marked = |spot: &&Spot| spot.mark || matches!(curve.kind, CurveKind::Marks | CurveKind::Emphasis);
    for spot in curve.spots.iter().filter(marked).filter_map(|spot| place(spot.x, spot.y)) {
        draw_marker(canvas, spot, &style)?;
    }
    Ok(())
}

/// The positions of markers on a line without any, which distinguish it without its colour.
///
/// They are at thirds of its length, with another offset for each of five lines.
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

/// Removes points that no pixel shows: those on the pixel of the point before, and those on a
/// straight line between two others.
fn shortened(path: &[Pixel]) -> Vec<Pixel> {
    let mut kept: Vec<Pixel> = Vec::new();
    for &here in path {
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
    let mut shown = plot.shown().enumerate();
    for (&(left, top), name) in layout.entries.iter().zip(plot.names()) {
        let middle = top + STEP / 2;
        match shown.next() {
            Some((nth, curve)) => {
                let style = style(nth, curve.kind);
                if curve.kind == CurveKind::Line {
                    draw_sample(canvas, (left, middle), SAMPLE, style.stroke(), style.dash)?;
                }
                draw_marker(canvas, (left + SAMPLE / 2, middle), &style)?;
            }
            None => {
                draw_sample(canvas, (left, middle), SAMPLE, GREY.stroke_width(1), Some(reference_dash(1)))?
            }
        }
        draw_text(canvas, name, (left + SAMPLE + 8, middle), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::curves::data::Span;

    fn plot(spots: Vec<Spot>) -> Curves {
        Curves {
            title: "t".into(),
            x_label: "x".into(),
            y_label: "y".into(),
            x: Span::Data,
            y: Span::Data,
            curves: vec![Curve { name: "c".into(), spots, kind: CurveKind::Line }],
            diagonal: None,
            height: 200,
            legend: true,
        }
    }

    #[test]
    fn plots_without_points_or_with_nan_are_refused() {
        assert_eq!(plot(vec![]).to_svg(), Err(Error::NoPoint { figure: "t".into() }));
        let message = plot(vec![Spot::at(0.0, f64::NAN)]).to_svg().unwrap_err().to_string();
        assert_eq!(message, "figure \"t\", series \"c\": expected a finite number, found NaN");
    }

    /// A hundred thousand points of a curve are on a few hundred pixels.
    #[test]
    fn long_curves_give_small_pictures() {
        let steps = |count: usize| {
            (0..=count).map(move |at| Spot::at(at as f64 / count as f64, (at as f64 / count as f64).sqrt()))
        };
        let svg = plot(steps(100_000).collect()).to_svg().unwrap();
        assert!(svg.len() < 20_000, "{}", svg.len());
    }

    #[test]
    fn logarithmic_axes_skip_zero() {
        let mut of_rates = plot(vec![Spot::at(0.0, 1e-3), Spot::at(1.0, 0.0), Spot::at(2.0, 1e-5)]);
        of_rates.y = Span::Powers;
        let svg = of_rates.to_svg().unwrap();
        assert!(svg.contains("1e−4"), "{svg}");
    }
}
