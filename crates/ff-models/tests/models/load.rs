//! Loading of weights that fit, that are converted, and that are refused.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_models::{Architecture, Error, Mismatch, Model, Spec};
use tch::Device;

use crate::{PICO, model, spec};

fn resnet(outputs: usize, seed: u64) -> Model {
    model(Architecture::RESNET_PICO, outputs, seed)
}

/// Returns the mismatch that `load` reports, and checks that the model is unchanged.
fn mismatch(mut model: Model, weights: BTreeMap<String, OwnedTensor>) -> Mismatch {
    let before = model.state_dict();
    let error = model.load(&StateDict::from_tensors(weights)).unwrap_err();
    assert_eq!(model.state_dict(), before);
    match error {
        Error::Mismatch(mismatch) => *mismatch,
        other => panic!("{other}"),
    }
}

#[test]
fn a_models_own_weights_load_bit_for_bit() {
    for architecture in PICO {
        let (source, mut target) = (model(architecture, 4, 1).state_dict(), model(architecture, 4, 2));
        let loaded = target.load(&StateDict::from_tensors(source.clone())).unwrap();
        assert_eq!((loaded.replaced_classifier, loaded.interpolated), (None, None));
        assert_eq!(target.state_dict(), source);
    }
}

#[test]
fn a_classifier_of_another_size_is_left_out() {
    for architecture in PICO {
        let (source, fresh) =
            (model(architecture, 9, 1).state_dict(), model(architecture, 4, 2).state_dict());
        let mut target = model(architecture, 4, 2);
        let loaded = target.load(&StateDict::from_tensors(source.clone())).unwrap();
        assert_eq!(loaded.replaced_classifier, Some(9));
        for (name, tensor) in target.state_dict() {
            let expected = if name.starts_with(architecture.classifier) { &fresh } else { &source };
            assert_eq!(tensor, expected[&name], "{name}");
        }
        match target.load_strict(&StateDict::from_tensors(source)) {
            Err(Error::Mismatch(mismatch)) => assert_eq!(mismatch.misshapen.len(), 2, "{mismatch}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn weights_of_timms_vgg_load() {
    let own = model(Architecture::VGG_PICO, 4, 1).state_dict();
    let timms = own.iter().map(|(name, tensor)| {
        let (layer, part) = name.rsplit_once('.').unwrap();
        let (layer, kernel) = match layer {
            "classifier.0" => ("pre_logits.fc1", Some(vec![128, 64, 2, 2])),
            "classifier.3" => ("pre_logits.fc2", Some(vec![128, 128, 1, 1])),
            "classifier.6" => ("head.fc", None),
            other => (other, None),
        };
        let mut tensor = tensor.clone();
        if let (Some(shape), "weight") = (kernel, part) {
            tensor.shape = shape;
        }
        (format!("{layer}.{part}"), tensor)
    });
    let timms = StateDict::from_tensors(timms.collect());
    assert_eq!(Architecture::VGG_PICO.outputs_of(&timms), Some(4));
    let mut target = model(Architecture::VGG_PICO, 4, 2);
    target.load(&timms).unwrap();
    assert_eq!(target.state_dict(), own);
    // Another number of classes keeps the model's own classifier.
    let loaded = model(Architecture::VGG_PICO, 7, 2).load(&timms).unwrap();
    assert_eq!(loaded.replaced_classifier, Some(4));
}

#[test]
fn a_count_of_batches_may_be_missing_but_not_strictly() {
    let mut weights = resnet(4, 1).state_dict();
    weights.retain(|name, _| !name.ends_with("num_batches_tracked"));
    let weights = StateDict::from_tensors(weights);
    resnet(4, 2).load(&weights).unwrap();
    let error = resnet(4, 2).load_strict(&weights).unwrap_err().to_string();
    assert!(error.contains("missing (bn1.num_batches_tracked, ...)"), "{error}");
}

#[test]
fn half_precision_files_become_fp32() {
    let mut weights = resnet(4, 1).state_dict();
    let one_and_a_half = [0xC0, 0x3F].repeat(4); // bfloat16
    weights.insert(
        "fc.bias".to_owned(),
        OwnedTensor { dtype: Dtype::BF16, shape: vec![4], data: one_and_a_half },
    );
    let mut target = resnet(4, 2);
    target.load(&StateDict::from_tensors(weights)).unwrap();
    assert_eq!(target.state_dict()["fc.bias"], OwnedTensor::f32([4], &[1.5; 4]));
    assert_eq!(target.parameters().get("fc.bias").unwrap().tensor.kind(), tch::Kind::Float);
}

#[test]
fn a_type_that_cannot_be_converted_is_named() {
    let mut weights = resnet(4, 1).state_dict();
    weights.insert("fc.bias".to_owned(), OwnedTensor::i64([4], &[0; 4]));
    let error = resnet(4, 2).load(&StateDict::from_tensors(weights)).unwrap_err().to_string();
    assert_eq!(error, "weights in memory: fc.bias: expected F32, F16, BF16 or F64, found I64");
}

#[test]
fn missing_extra_and_misshapen_tensors_are_named() {
    let mut weights = resnet(4, 1).state_dict();
    weights.remove("layer2.0.conv1.weight");
    weights.insert("layer9.weight".to_owned(), OwnedTensor::f32([1], &[0.0]));
    weights.insert("bn1.bias".to_owned(), OwnedTensor::f32([17], &[0.0; 17]));
    assert_eq!(
        mismatch(resnet(4, 2), weights).to_string(),
        "weights in memory: the weights do not fit resnet_pico: 1 missing (layer2.0.conv1.weight), \
         1 unexpected (layer9.weight), 1 of another shape (bn1.bias: expected [16], found [17])"
    );
}

#[test]
fn a_classifier_on_other_features_is_misshapen() {
    let mut weights = resnet(9, 1).state_dict();
    weights.insert("fc.weight".to_owned(), OwnedTensor::f32([9, 3], &[0.0; 27]));
    let mismatch = mismatch(resnet(4, 2), weights);
    assert_eq!(mismatch.misshapen[0].name, "fc.weight");
    assert_eq!(mismatch.misshapen[0].found, [9, 3]);
}

#[test]
fn a_classifier_without_its_bias_is_missing_it() {
    let mut weights = resnet(9, 1).state_dict();
    weights.remove("fc.bias");
    assert_eq!(mismatch(resnet(4, 2), weights).missing, ["fc.bias"]);
}

#[test]
fn weights_of_another_architecture_are_refused_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deit.safetensors");
    StateDict::from_tensors(model(Architecture::DEIT_PICO, 4, 1).state_dict()).save(&path, None).unwrap();
    let error = resnet(4, 2).load(&StateDict::open(&path).unwrap()).unwrap_err().to_string();
    let (line, hint) = error.split_once('\n').unwrap();
    assert!(line.starts_with(&format!("{}: the weights do not fit resnet_pico: ", path.display())), "{line}");
    assert!(
        line.contains("missing (conv1.weight, ...), 44 unexpected (blocks.0.attn.proj.bias, ...)"),
        "{line}"
    );
    assert_eq!(
        hint,
        "hint: the names are those of a DeiT or another vision transformer: choose that architecture or other weights"
    );
}

#[test]
fn a_position_embedding_that_is_no_grid_is_misshapen() {
    let mut weights = model(Architecture::DEIT_PICO, 4, 1).state_dict();
    weights.insert("pos_embed".to_owned(), OwnedTensor::f32([1, 60, 64], &[0.0; 60 * 64]));
    assert_eq!(mismatch(model(Architecture::DEIT_PICO, 4, 2), weights).misshapen[0].expected, [1, 65, 64]);
}

#[test]
fn a_position_embedding_for_another_size_is_not_strict() {
    let spec = Spec { image_size: 40, ..spec(Architecture::DEIT_PICO, 4) };
    let mut target = Model::new(&spec, Device::Cpu, 2).unwrap();
    let weights = StateDict::from_tensors(model(Architecture::DEIT_PICO, 4, 1).state_dict());
    assert!(target.load_strict(&weights).is_err());
    assert_eq!(target.load(&weights).unwrap().interpolated, Some((8, 10)));
}
