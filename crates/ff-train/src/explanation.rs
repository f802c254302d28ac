//! Explanations of predictions: where in an image the evidence for an output is.

use ff_data::Image;
use ff_data::augment::resize;
use ff_models::Model;

use crate::error::Error;
use crate::evaluate::values;
use crate::upload::send_images;

/// Where in an image the evidence for an output of a model is. [`overlay`](crate::overlay) draws it
/// on the image.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Evidence from 0 to 1, `size * size` values, rows from the top. The largest value is 1; all
    /// are 0 if no place adds to the logit.
    pub map: Vec<f32>,
    /// Width and height of the map: the model's image size, to which the whole image is resized.
    pub size: u32,
}

/// Computes where in an image of any size the evidence for an output is, by
/// [`Model::grad_cam`]. The image is resized as for evaluation, [`Augment::Eval`](crate::Augment).
///
/// The values of an explanation do not compare with those of another image or output.
///
/// ```
/// use ff_data::Image;
/// use ff_models::{Architecture, Spec};
/// use ff_train::tch::Device;
/// use ff_train::{Model, explain, overlay};
///
/// let model = Model::new(&Spec::new(Architecture::RESNET_PICO, 7), Device::Cpu, 0)?;
/// let image = Image::filled(60, 40, [200, 120, 90]);
/// let explanation = explain(&model, &image, 3)?;
/// assert_eq!(explanation.map.len(), 32 * 32);
/// let drawn = overlay(&image, &explanation);
/// assert_eq!((drawn.width, drawn.height), (60, 40));
/// # Ok::<(), ff_train::Error>(())
/// ```
///
/// # Errors
/// [`Error::Model`] for a network that Grad-CAM cannot explain, such as DeiT; [`Error::NotFinite`].
///
/// # Panics
/// On an image without pixels, or an output that the model does not have.
pub fn explain(model: &Model, image: &Image, output: usize) -> Result<Explanation, Error> {
    let size = model.spec().image_size;
    let resized = resize(image, size, size);
    let pixels = send_images(&resized.data, size, model.device()).receive();
    let map = values(&model.grad_cam(&pixels, &[output])?);
    if map.iter().any(|value| !value.is_finite()) {
        return Err(Error::NotFinite { what: format!("explanation of output {output}") });
    }
    Ok(Explanation { map, size })
}

#[cfg(test)]
mod tests {
    use ff_models::{Architecture, Spec};
    use tch::{Device, Tensor};

    use super::*;

    /// Pixels that differ, wider than high.
    fn picture() -> Image {
        let data = (0..60 * 40 * 3u64).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        Image { width: 60, height: 40, data }
    }

    fn model(architecture: Architecture) -> Model {
        Model::new(&Spec { image_size: 24, ..Spec::new(architecture, 5) }, Device::Cpu, 1).unwrap()
    }

    #[test]
    fn an_explanation_is_of_the_resized_image() {
        let model = model(Architecture::RESNET_PICO);
        let pixels = Tensor::from_slice(&resize(&picture(), 24, 24).data).view([1, 24, 24, 3]);
        let mut evidence = false;
        for output in 0..5 {
            let found = explain(&model, &picture(), output).unwrap();
            assert_eq!(found.size, 24);
            assert_eq!(found.map, values(&model.grad_cam(&pixels, &[output]).unwrap()));
            evidence |= found.map.iter().any(|&value| value > 0.9);
        }
        assert!(evidence);
    }

    #[test]
    fn what_cannot_be_explained_is_refused() {
        let error = |model: &Model| explain(model, &picture(), 3).unwrap_err().to_string();
        let deit = error(&model(Architecture::DEIT_PICO));
        assert!(deit.starts_with("deit_pico_patch4: expected a network with a feature map"), "{deit}");
        let damaged = model(Architecture::RESNET_PICO);
        let kernel = &damaged.parameters().get("conv1.weight").unwrap().tensor;
        let _ = tch::no_grad(|| kernel.shallow_clone().fill_(f64::NAN));
        let damaged = error(&damaged);
        assert!(damaged.starts_with("explanation of output 3: expected finite values"), "{damaged}");
    }
}
