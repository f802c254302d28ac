//! Common sizes of plots, and the width of text. All lengths are pixels.

pub(super) const TITLE_SIZE: i32 = 20;
pub(super) const LABEL_SIZE: i32 = 17;
pub(super) const TICK_SIZE: i32 = 15;
/// The length of a tick.
pub(super) const TICK: i32 = 5;
/// The height of a line of a legend.
pub(super) const STEP: i32 = 24;
/// The space above a plot with a title.
pub(super) const TOP: i32 = 50;
pub(super) const MARGIN: i32 = 16;

/// The approximate width of a text: letters of a sans-serif font are a little more than half as
/// wide as high.
pub(super) fn width(text: &str, size: i32) -> i32 {
    text.chars().count() as i32 * size * 58 / 100
}

/// The approximate width of the widest text; 0 without texts.
pub(super) fn widest(texts: impl Iterator<Item = impl AsRef<str>>, size: i32) -> i32 {
    texts.map(|text| width(text.as_ref(), size)).max().unwrap_or(0)
}

/// The largest size, from 10 to `size`, at which a text fits into the width `room`.
pub(super) fn fitting(text: &str, size: i32, room: i32) -> i32 {
    (10..=size).rev().find(|&size| width(text, size) <= room).unwrap_or(10)
}
