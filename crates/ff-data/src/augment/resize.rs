//! Resampling as in Pillow: a triangle filter as wide as the reduction, so that nothing aliases.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::image::Image;

/// A rectangle of whole pixels inside an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// Resizes `image` to `width` x `height` without keeping the aspect ratio: bilinear and
/// antialiased, within one grey level of Pillow's `resize` with `BILINEAR`.
///
/// # Panics
///
/// If `image` has no pixels, its data is not `width * height * 3` bytes, or a new side is 0.
pub fn resize(image: &Image, width: u32, height: u32) -> Image {
    resize_region(image, Region { left: 0, top: 0, width: image.width, height: image.height }, width, height)
}

/// Resizes the part of `image` in `region`. Pixels outside the region have no influence, as if it
/// had been cropped first.
pub(super) fn resize_region(image: &Image, region: Region, width: u32, height: u32) -> Image {
    assert!(
        image.width > 0 && image.height > 0 && width > 0 && height > 0,
        "an image of {}x{} cannot be resized to {width}x{height}",
        image.width,
        image.height
    );
    let source = TypedImageRef::<U8x3>::from_buffer(image.width, image.height, &image.data)
        .expect("an image has width * height * 3 bytes");
    let source = TypedCroppedImage::from_ref(&source, region.left, region.top, region.width, region.height)
        .expect("a region is inside its image");
    let mut data = vec![0; width as usize * height as usize * 3];
    let mut target =
        TypedImage::<U8x3>::from_buffer(width, height, &mut data).expect("the buffer was made for this size");
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize_typed(&source, &mut target, &options).expect("both images are RGB");
    Image { width, height, data }
}
