//! Compares every operation with Pillow, torchvision and timm (`tests/golden/augment/make.py`).

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;
use strum::VariantArray;

use super::resize::{Region, resize, resize_region};
use super::{affine, enhance, flip, rand_augment, timm_rand_augment, tone};
use crate::image::Image;

const BYTES: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/augment/golden.safetensors"));
/// The operations that may interpolate pixels in another fixed-point precision than Pillow's, so
/// that a level may be off by one. All others are exact.
const OFF_BY_ONE: [&str; 8] = [
    "resize",
    "crop",
    "rotate",
    "shear_x",
    "shear_y",
    "translate",
    "torchvision_rand_augment",
    "timm_rand_augment",
];
/// timm's fill, with which the affine operations were recorded.
const GREY: [u8; 3] = [124, 116, 104];

/// The recorded images and tables.
pub(super) struct Golden(SafeTensors<'static>);

impl Golden {
    pub fn open() -> Self {
        Self(SafeTensors::deserialize(BYTES).unwrap())
    }

    fn image(&self, name: &str) -> Image {
        image(&self.0.tensor(name).unwrap())
    }

    /// Returns a table of numbers, which `number` reads from their bytes.
    pub fn table<T>(&self, name: &str, number: fn([u8; 8]) -> T) -> Vec<T> {
        let tensor = self.0.tensor(&format!("table/{name}")).unwrap();
        tensor.data().as_chunks::<8>().0.iter().copied().map(number).collect()
    }
}

fn image(tensor: &TensorView<'_>) -> Image {
    let [height, width, 3] = *tensor.shape() else { panic!("an image is [height, width, 3]") };
    Image { width: width as u32, height: height as u32, data: tensor.data().to_vec() }
}

#[test]
fn every_recorded_output_is_reproduced() {
    let golden = Golden::open();
    let mut checked = 0;
    for (name, tensor) in golden.0.iter() {
        let parts: Vec<&str> = name.split('/').collect();
        let &[picture, operation, parameters] = &parts[..] else { continue };
        let out = run(golden.image(picture), operation, parameters);
        let expected = image(&tensor);
        assert_eq!((out.width, out.height), (expected.width, expected.height), "{name}");
        let worst = out.data.iter().zip(&expected.data).map(|(a, b)| a.abs_diff(*b)).max();
        let tolerance = u8::from(OFF_BY_ONE.contains(&operation));
        assert!(worst <= Some(tolerance), "{name}: off by {worst:?}");
        checked += 1;
    }
    assert!(checked > 100, "only {checked} outputs found");
}

/// Runs the operation that the script recorded under this name.
fn run(mut image: Image, operation: &str, parameters: &str) -> Image {
    // A policy's parameters are an operation's name and a sign.
    if let Some((name, sign)) = parameters.split_once(',')
        && operation.ends_with("rand_augment")
    {
        let sign = sign.parse().unwrap();
        match operation {
            "torchvision_rand_augment" => named::<rand_augment::Operation>(name).apply(&mut image, sign),
            _ => named::<timm_rand_augment::Operation>(name).apply(&mut image, sign),
        }
        return image;
    }
    let numbers: Vec<f64> =
        parameters.split(',').filter(|number| !number.is_empty()).map(|n| n.parse().unwrap()).collect();
    let whole = |at: usize| numbers[at] as u32;
    let number = numbers.first().copied().unwrap_or_default();
    match operation {
        "resize" => return resize(&image, whole(0), whole(1)),
        "crop" => {
            let region = Region { left: whole(0), top: whole(1), width: whole(2), height: whole(3) };
            return resize_region(&image, region, 10, 10);
        }
        "flip" => flip::horizontal(&mut image),
        "brightness" => enhance::brightness(&mut image, number as f32),
        "color" => enhance::color(&mut image, number as f32),
        "contrast" => enhance::contrast(&mut image, number as f32),
        "sharpness" => enhance::sharpness(&mut image, number as f32),
        "posterize" => tone::posterize(&mut image, whole(0)),
        "solarize" => tone::solarize(&mut image, number as f32),
        "solarize_add" => tone::solarize_add(&mut image, number as u8),
        "invert" => tone::invert(&mut image),
        "auto_contrast" => tone::auto_contrast(&mut image),
        "equalize" => tone::equalize(&mut image),
        "rotate" => {
            let inverse = affine::rotate(number, &image);
            affine::transform(&mut image, inverse, GREY);
        }
        "shear_x" => affine::transform(&mut image, affine::shear_x(number), GREY),
        "shear_y" => affine::transform(&mut image, affine::shear_y(number), GREY),
        "translate" => affine::transform(&mut image, affine::translate(number, numbers[1]), GREY),
        _ => panic!("nothing here is called {operation}"),
    }
    image
}

/// The policy's operation that timm or torchvision calls `name`.
fn named<T: Copy + std::fmt::Debug + VariantArray>(name: &str) -> T {
    *T::VARIANTS.iter().find(|operation| format!("{operation:?}") == name).unwrap()
}
