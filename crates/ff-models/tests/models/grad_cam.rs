//! Properties of Grad-CAM whatever the weights.

use ff_models::{Architecture, Mode, Model, Precision, Spec};
use tch::{Device, Kind, Tensor};

use crate::model::images;
use crate::{model, spec};

const CONVOLUTIONAL: [Architecture; 2] = [Architecture::RESNET_PICO, Architecture::VGG_PICO];
const OUTPUTS: [usize; 4] = [0, 1, 2, 3];

fn off(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
fn each_map_is_scaled_and_is_of_its_own_image_and_output() {
    for architecture in CONVOLUTIONAL {
        let model = model(architecture, 5, 1);
        let images = images(4, 45);
        let maps = model.grad_cam(&images, &OUTPUTS).unwrap();
        assert_eq!((maps.size(), maps.kind()), (vec![4, 45, 45], Kind::Float));
        for (at, output) in OUTPUTS.into_iter().enumerate() {
            let map = maps.get(at as i64);
            let largest = map.max().double_value(&[]);
            // A logit to which no place adds has a map of 0.
            assert!(map.min().double_value(&[]) == 0.0 && (largest == 0.0 || (largest - 1.0).abs() < 1e-5));
            let alone = model.grad_cam(&images.narrow(0, at as i64, 1), &[output]).unwrap();
            let off = off(&alone.get(0), &map);
            assert!(off < 1e-3, "{architecture}: image {at}: off by {off}");
        }
        assert!(maps.max().double_value(&[]) > 0.0, "{architecture}");
        assert!(!model.grad_cam(&images, &[1, 2, 3, 4]).unwrap().equal(&maps), "{architecture}");
    }
}

#[test]
fn gradients_of_weights_are_left_alone() {
    for architecture in CONVOLUTIONAL {
        let model = model(architecture, 5, 1);
        let maps = model.grad_cam(&images(4, 32), &OUTPUTS).unwrap();
        assert!(!maps.requires_grad());
        assert!(model.parameters().iter().all(|parameter| !parameter.tensor.grad().defined()));
        model.forward(&images(4, 32), Mode::Eval).sum(Kind::Float).backward();
        let gradients = || -> Vec<Tensor> {
            model.parameters().trainable().map(|parameter| parameter.tensor.grad().copy()).collect()
        };
        let (state, before) = (model.state_dict(), gradients());
        // The caller may be evaluating.
        let again = tch::no_grad(|| model.grad_cam(&images(4, 32), &OUTPUTS).unwrap());
        assert!(again.equal(&maps), "{architecture}");
        assert!(before.iter().zip(gradients()).all(|(before, after)| before.equal(&after)), "{architecture}");
        assert_eq!(model.state_dict(), state);
    }
}

#[test]
fn bf16_is_near_fp32() {
    for architecture in CONVOLUTIONAL {
        let bf16 = Spec { precision: Precision::Bf16, ..spec(architecture, 5) };
        let bf16 = Model::new(&bf16, Device::Cpu, 1).unwrap().grad_cam(&images(4, 32), &OUTPUTS).unwrap();
        let fp32 = model(architecture, 5, 1).grad_cam(&images(4, 32), &OUTPUTS).unwrap();
        let off = off(&bf16, &fp32);
        assert!(off > 0.0 && off < 0.1, "{architecture}: off by {off}");
    }
}

#[test]
fn a_network_without_a_feature_map_is_refused() {
    let error = model(Architecture::DEIT_PICO, 5, 1).grad_cam(&images(1, 32), &[0]).unwrap_err().to_string();
    assert_eq!(
        error,
        "deit_pico_patch4: expected a network with a feature map, found none\n\
         hint: Grad-CAM explains convolutional networks: ResNets and VGGs"
    );
}

#[test]
#[should_panic(expected = "outputs: expected below 5, found 5")]
fn an_output_that_the_model_does_not_have_panics() {
    let _ = model(Architecture::RESNET_PICO, 5, 1).grad_cam(&images(1, 32), &[5]);
}
