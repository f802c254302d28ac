//! Sizes that plots have in common, and how wide text is. All lengths are pixels.

pub(super) const TITLE_SIZE: i32 = 20;
pub(super) const LABEL_SIZE: i32 = 17;
pub(super) const TICK_SIZE: i32 = 15;
/// Length of a tick.
pub(super) const TICK: i32 = 5;
/// From one line of a legend to the next.
pub(super) const STEP: i32 = 24;
/// Above a plot that has a title.
pub(super) const TOP: i32 = 50;
pub(super) const MARGIN: i32 = 16;

/// About how wide a text is: the letters of a sans-serif font are a little more than half as wide
/// as high.
pub(super) fn width(text: &str, size: i32) -> i32 {
    text.chars().count() as i32 * size * 58 / 100
}

/// About how wide the widest of some texts is; 0 if there is none.
pub(super) fn widest(texts: impl Iterator<Item = impl AsRef<str>>, size: i32) -> i32 {
    texts.map(|text| width(text.as_ref(), size)).max().unwrap_or(0)
}

/// The size, not above the one given, at which a text fits a room.
pub(super) fn fitting(text: &str, size: i32, room: i32) -> i32 {
    (10..=size).rev().find(|&size| width(text, size) <= room).unwrap_or(10)
}
