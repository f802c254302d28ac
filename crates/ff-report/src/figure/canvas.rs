//! Drawing lines, markers and text on an SVG picture.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::Error;
use crate::figure::style::{Dash, Marker, Style};

/// A position in pixels, to the right and downwards from the upper left corner.
pub(super) type Pixel = (i32, i32);

pub(super) type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// Draws a picture of this size on a white background, legible on dark and light pages.
pub(super) fn picture(
    title: &str,
    size: (u32, u32),
    draw: impl FnOnce(&Canvas) -> Drawn,
) -> Result<String, Error> {
    let mut text = String::new();
    let canvas = SVGBackend::with_string(&mut text, size).into_drawing_area();
    let drawn = canvas.fill(&WHITE).and_then(|()| draw(&canvas)).and_then(|()| canvas.present());
    drop(canvas); // writes the end of the text
    drawn.map_err(|error| Error::Drawing { figure: title.to_owned(), why: error.to_string() })?;
    Ok(text)
}

pub(super) fn draw_line(canvas: &Canvas, points: Vec<Pixel>, style: ShapeStyle, dash: Option<Dash>) -> Drawn {
    match dash {
        _ if points.len() < 2 => Ok(()),
        None => canvas.draw(&PathElement::new(points, style)),
        Some((dash, space)) => canvas.draw(&DashedPathElement::new(points, dash, space, style)),
    }
}

/// Draws a horizontal line of a length from its left end, for a legend.
pub(super) fn draw_sample(
    canvas: &Canvas,
    (left, height): Pixel,
    length: i32,
    style: ShapeStyle,
    dash: Option<Dash>,
) -> Drawn {
    draw_line(canvas, vec![(left, height), (left + length, height)], style, dash)
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

/// Draws text in a colour.
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

/// Draws text that reads upwards; the anchor applies to the text before its rotation.
pub(super) fn draw_upright(canvas: &Canvas, text: &str, at: Pixel, size: i32, h: HPos, v: VPos) -> Drawn {
    let font = font(size).transform(FontTransform::Rotate270);
    canvas.draw(&Text::new(text, at, TextStyle::from(font).pos(Pos::new(h, v))))
}

/// The font of a size in pixels: the backend writes a font's size divided by 1.24.
fn font(size: i32) -> FontDesc<'static> {
    ("sans-serif", f64::from(size) * 1.24).into_font()
}
