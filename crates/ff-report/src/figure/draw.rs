//! A figure as SVG.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::layout::{LABEL_SIZE, Layout, Pixel, SAMPLE, STEP, TICK, TICK_SIZE, at, whisker};
use super::style::{Dash, FAINT, GREY, Marker, Style, reference_dash};
use super::{LinePlot, Series};
use crate::error::Error;

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

pub(super) fn svg(figure: &LinePlot) -> Result<String, Error> {
    let layout = Layout::of(figure);
    picture(&figure.title, layout.size, |canvas| draw(figure, &layout, canvas))
}

/// A white card of that size, drawn on: dark or light around it, it reads alike.
pub(super) fn picture(
    title: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Canvas) -> Drawn,
) -> Result<String, Error> {
    let mut text = String::new();
    let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let drawn = canvas.fill(&WHITE).and_then(|()| draw(&canvas)).and_then(|()| canvas.present());
    drop(canvas); // which ends the text
    drawn.map_err(|error| Error::Drawing { figure: title.to_owned(), why: error.to_string() })?;
    Ok(text)
}

fn draw(figure: &LinePlot, layout: &Layout, canvas: &Canvas) -> Drawn {
    draw_axes(figure, layout, canvas)?;
    for (nth, (_, y)) in figure.references.iter().enumerate() {
        let height = layout.place(layout.x.low, *y).1;
        draw_line(
            canvas,
            vec![(layout.from.0, height), (layout.to.0, height)],
            reference_style(),
            Some(reference_dash(nth)),
        )?;
    }
    let of_emphasis =
        |emphasis| figure.series.iter().enumerate().filter(move |(_, of)| of.emphasis == emphasis);
    for (nth, series) in of_emphasis(false).chain(of_emphasis(true)) {
        draw_series(figure, layout, canvas, nth, series)?;
    }
    draw_legend(figure, layout, canvas)
}

fn draw_axes(figure: &LinePlot, layout: &Layout, canvas: &Canvas) -> Drawn {
    let (from, to) = (layout.from, layout.to);
    for (y, name) in &layout.y.ticks {
        let height = layout.place(layout.x.low, *y).1;
        draw_line(canvas, vec![(from.0, height), (to.0, height)], FAINT.stroke_width(1), None)?;
        draw_line(canvas, vec![(from.0 - TICK, height), (from.0, height)], GREY.stroke_width(1), None)?;
        draw_text(canvas, name, (from.0 - TICK - 4, height), TICK_SIZE, HPos::Right, VPos::Center)?;
    }
    for (x, name) in &layout.x.ticks {
        let across = layout.place(*x, layout.y.low).0;
        draw_line(canvas, vec![(across, from.1), (across, to.1)], FAINT.stroke_width(1), None)?;
        draw_line(canvas, vec![(across, to.1), (across, to.1 + TICK)], GREY.stroke_width(1), None)?;
        let below = (across, to.1 + TICK + 4);
        match layout.upright {
            true => draw_upright(canvas, name, below, TICK_SIZE, HPos::Right, VPos::Center)?,
            false => draw_text(canvas, name, below, TICK_SIZE, HPos::Center, VPos::Top)?,
        }
    }
    draw_line(canvas, vec![from, (from.0, to.1), to], GREY.stroke_width(1), None)?;
    let middle = ((from.0 + to.0) / 2, (from.1 + to.1) / 2);
    draw_text(canvas, &figure.x_label, (middle.0, layout.below), LABEL_SIZE, HPos::Center, VPos::Top)?;
    draw_upright(canvas, &figure.y_label, (layout.beside, middle.1), LABEL_SIZE, HPos::Center, VPos::Top)?;
    let size = layout.title_size(&figure.title);
    draw_text(canvas, &figure.title, (from.0, from.1 / 2), size, HPos::Left, VPos::Center)
}

fn draw_series(figure: &LinePlot, layout: &Layout, canvas: &Canvas, nth: usize, series: &Series) -> Drawn {
    let style = Style::new(nth, series.emphasis);
    let place = |place: usize, y: f64| {
        let (across, height) = layout.place(at(&figure.x, place), y);
        (across + layout.aside(nth), height)
    };
    // Runs of points without a gap.
    let mut lines: Vec<Vec<Pixel>> = vec![Vec::new()];
    let mut marks = Vec::new();
    for (along, point) in series.points.iter().enumerate() {
        let Some(point) = point else {
            lines.push(Vec::new());
            continue;
        };
        let here = place(along, point.y);
        if let Some((low, high)) = whisker(point) {
            let (low, high) = (place(along, low), place(along, high));
            let stroke = style.colour.stroke_width(2);
            draw_line(canvas, vec![low, high], stroke, None)?;
            for end in [low, high] {
                draw_line(canvas, vec![(end.0 - 4, end.1), (end.0 + 4, end.1)], stroke, None)?;
            }
        }
        // A point with nothing before it may be a line of its own, which only its marker shows.
        let run = &mut lines.last_mut().expect("there is always one");
        if !figure.joined || run.is_empty() || along.is_multiple_of(layout.marker_every()) {
            marks.push(here);
        }
        run.push(here);
    }
    for line in lines.into_iter().filter(|_| figure.joined) {
        draw_line(canvas, line, style.colour.stroke_width(style.width), style.dash)?;
    }
    marks.into_iter().try_for_each(|mark| draw_marker(canvas, mark, &style))
}

fn draw_legend(figure: &LinePlot, layout: &Layout, canvas: &Canvas) -> Drawn {
    let (left, top) = layout.legend;
    let height = |nth: usize| top + STEP / 2 + nth as i32 * STEP;
    let sample = |height| vec![(left, height), (left + SAMPLE, height)];
    for (nth, series) in figure.series.iter().enumerate() {
        let style = Style::new(nth, series.emphasis);
        if figure.joined {
            draw_line(canvas, sample(height(nth)), style.colour.stroke_width(style.width), style.dash)?;
        }
        draw_marker(canvas, (left + SAMPLE / 2, height(nth)), &style)?;
    }
    for nth in 0..figure.references.len() {
        let height = height(figure.series.len() + nth);
        draw_line(canvas, sample(height), reference_style(), Some(reference_dash(nth)))?;
    }
    let names = figure.series.iter().map(|of| &of.name).chain(figure.references.iter().map(|of| &of.0));
    for (nth, name) in names.enumerate() {
        draw_text(canvas, name, (left + SAMPLE + 10, height(nth)), TICK_SIZE, HPos::Left, VPos::Center)?;
    }
    Ok(())
}

fn reference_style() -> ShapeStyle {
    GREY.stroke_width(2)
}

pub(super) fn draw_line(canvas: &Canvas, points: Vec<Pixel>, style: ShapeStyle, dash: Option<Dash>) -> Drawn {
    match dash {
        _ if points.len() < 2 => Ok(()),
        None => canvas.draw(&PathElement::new(points, style)),
        Some((dash, space)) => canvas.draw(&DashedPathElement::new(points, dash, space, style)),
    }
}

pub(super) fn draw_marker(canvas: &Canvas, (x, y): Pixel, style: &Style) -> Drawn {
    let r = style.radius;
    let filled = style.colour.filled();
    let corners = match style.marker {
        Marker::Circle => return canvas.draw(&Circle::new((x, y), r, filled)),
        Marker::Cross => {
            let stroke = style.colour.stroke_width(style.width + 1);
            draw_line(canvas, vec![(x - r, y - r), (x + r, y + r)], stroke, None)?;
            return draw_line(canvas, vec![(x - r, y + r), (x + r, y - r)], stroke, None);
        }
        Marker::Square => vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)],
        Marker::Triangle => vec![(x, y - r - 1), (x + r + 1, y + r), (x - r - 1, y + r)],
        Marker::Diamond => vec![(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)],
    };
    canvas.draw(&Polygon::new(corners, filled))
}

pub(super) fn draw_text(canvas: &Canvas, text: &str, at: Pixel, size: i32, h: HPos, v: VPos) -> Drawn {
    draw_text_in(canvas, text, at, size, (h, v), &BLACK)
}

/// Text in a colour.
pub(super) fn draw_text_in(
    canvas: &Canvas,
    text: &str,
    at: Pixel,
    size: i32,
    (h, v): (HPos, VPos),
    colour: &RGBColor,
) -> Drawn {
    canvas.draw(&Text::new(text, at, TextStyle::from(font(size)).pos(Pos::new(h, v)).color(colour)))
}

/// Text that reads upwards; the anchor is as if the picture were turned to read it.
pub(super) fn draw_upright(canvas: &Canvas, text: &str, at: Pixel, size: i32, h: HPos, v: VPos) -> Drawn {
    let font = font(size).transform(FontTransform::Rotate270);
    canvas.draw(&Text::new(text, at, TextStyle::from(font).pos(Pos::new(h, v))))
}

/// The backend writes a font's size divided by 1.24.
fn font(size: i32) -> FontDesc<'static> {
    ("sans-serif", f64::from(size) * 1.24).into_font()
}
