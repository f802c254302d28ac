//! Panics of decoders, which are errors of the image.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{Error, panic_text};
use crate::image::Image;

thread_local! {
    static DECODING: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether this thread decodes an image. A panic is then caught, and becomes an error that
/// names the image: a panic hook may leave it out.
pub fn is_decoding() -> bool {
    DECODING.get()
}

/// Runs a decoder. A malformed file may make it panic, and must not end the process.
pub fn catch(place: &str, decoder: impl FnOnce() -> Result<Image, Error>) -> Result<Image, Error> {
    let outer = DECODING.replace(true);
    let result = catch_unwind(AssertUnwindSafe(decoder));
    DECODING.set(outer);
    result.unwrap_or_else(|panic| {
        let found = format!("one on which the decoder fails: {}", panic_text(&*panic));
        let hint = "convert it to PNG, or remove it from the dataset";
        Err(Error::image(place, "an image that can be decoded", found).hint(hint))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoders_panic_is_the_images_error() {
        let result = catch("x.tif", || {
            assert!(is_decoding());
            panic!("a strange tile");
        });
        let text = result.unwrap_err().to_string();
        let expected = "x.tif: expected an image that can be decoded, found one on which the decoder \
                        fails: a strange tile\nhint: convert it to PNG";
        assert!(text.starts_with(expected), "{text}");
        assert!(!is_decoding());
    }
}
