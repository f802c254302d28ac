//! Loading of weights that fit, that are converted, and that are refused.

use std::collections::BTreeMap;

use ff_checkpoint::{Dtype, OwnedTensor, StateDict};
use ff_models::{Architecture, Error, Loaded, Mismatch, Model, Spec};
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

/// Returns the weights with other names.
fn renamed(
    weights: &BTreeMap<String, OwnedTensor>,
    name: impl Fn(&str) -> String,
) -> BTreeMap<String, OwnedTensor> {
    weights.iter().map(|(own, tensor)| (name(own), tensor.clone())).collect()
}

/// Loads weights into a model of seed 2, with `load` and with `load_strict`, and checks that its
/// values are then `expected`.
#[track_caller]
fn assert_loads(
    architecture: Architecture,
    weights: &BTreeMap<String, OwnedTensor>,
    expected: &BTreeMap<String, OwnedTensor>,
) -> Loaded {
    let weights = StateDict::from_tensors(weights.clone());
    assert!(architecture.outputs_of(&weights).is_some());
    let [mut one, mut other] = [2, 2].map(|seed| model(architecture, 4, seed));
    let loaded = one.load(&weights).unwrap();
    assert_eq!(other.load_strict(&weights).unwrap(), loaded);
    assert!(one.state_dict() == *expected && other.state_dict() == *expected);
    loaded
}

#[test]
fn a_prefix_before_every_name_is_taken_off_and_said() {
    for architecture in PICO {
        let own = model(architecture, 4, 1).state_dict();
        assert_eq!(assert_loads(architecture, &own, &own), Loaded::default());
        for prefix in ["module.", "_orig_mod.", "model._orig_mod.", "model.backbone.", "encoder.", "net."] {
            let weights = renamed(&own, |name| format!("{prefix}{name}"));
            let loaded = assert_loads(architecture, &weights, &own);
            let said = format!("all weights loaded, prefix `{prefix}` taken off the names");
            assert_eq!(loaded.to_string(), said, "{architecture}");
            let names = architecture.names_in(&StateDict::from_tensors(weights)).unwrap();
            assert!(names.iter().all(|(own, theirs)| *theirs == format!("{prefix}{own}")));
            assert_eq!(names.len(), own.len());
        }
    }
}

#[test]
fn a_wrapper_inside_the_names_is_taken_off() {
    let own = model(Architecture::VGG_PICO, 4, 1).state_dict();
    // Only the convolutions ran on several GPUs.
    let weights = renamed(&own, |name| name.replace("features.", "features.module."));
    let loaded = assert_loads(Architecture::VGG_PICO, &weights, &own);
    let pair = ("features.module.0.weight".to_owned(), "features.0.weight".to_owned());
    assert_eq!(loaded.renamed, Some(pair));
}

#[test]
fn what_is_beside_the_model_is_left_out_and_said() {
    let own = model(Architecture::RESNET_PICO, 4, 1).state_dict();
    let extra = OwnedTensor::f32([4], &[1.0; 4]);
    // A loss and a metric in a module around the model, and in the model.
    for prefix in ["model.", ""] {
        let mut weights = renamed(&own, |name| format!("{prefix}{name}"));
        weights.insert("criterion.weight".to_owned(), extra.clone());
        weights.insert("val_metrics.sum".to_owned(), extra.clone());
        let loaded = assert_loads(Architecture::RESNET_PICO, &weights, &own);
        assert_eq!(loaded.left_out, ["criterion.weight", "val_metrics.sum"]);
        let said = loaded.to_string();
        assert!(said.ends_with(", left out 2 not of the model (criterion.weight, ...)"), "{said}");
    }
    // A deeper network under the prefix is another model.
    let mut weights = renamed(&own, |name| format!("model.{name}"));
    weights.insert("model.layer3.1.conv1.weight".to_owned(), extra);
    let mismatch = mismatch(resnet(4, 2), weights);
    assert_eq!((mismatch.extra, mismatch.missing.len()), (vec!["model.layer3.1.conv1.weight".to_owned()], 0));
}

#[test]
fn a_backbone_without_a_classifier_gets_a_new_one_but_not_strictly() {
    for architecture in PICO {
        let (source, fresh) =
            (model(architecture, 9, 1).state_dict(), model(architecture, 4, 2).state_dict());
        let layer = architecture.classifier;
        let is_of = |name: &str| name.strip_prefix(layer).is_some_and(|rest| rest.starts_with('.'));
        let mut headless = source.clone();
        headless.retain(|name, _| !is_of(name));
        let mut beside = renamed(&headless, |name| format!("backbone.{name}"));
        beside.insert("head.weight".to_owned(), OwnedTensor::f32([9, 1], &[0.0; 9]));
        let mut of_layers = headless.clone();
        of_layers.insert(format!("{layer}.0.weight"), OwnedTensor::f32([9, 1], &[0.0; 9]));
        let left_out = [vec![], vec!["head.weight".to_owned()], vec![format!("{layer}.0.weight")]];
        for (weights, left_out) in [headless, beside, of_layers].into_iter().zip(left_out) {
            let weights = StateDict::from_tensors(weights);
            assert_eq!(architecture.outputs_of(&weights), None);
            let mut target = model(architecture, 4, 2);
            let loaded = target.load(&weights).unwrap();
            assert_eq!((loaded.replaced_classifier, &loaded.left_out), (Some(0), &left_out));
            assert!(loaded.to_string().contains("the classifier is new (the file has none)"), "{loaded}");
            for (name, tensor) in target.state_dict() {
                let expected = if is_of(&name) { &fresh } else { &source };
                assert_eq!(tensor, expected[&name], "{name}");
            }
            let error = target.load_strict(&weights).unwrap_err().to_string();
            let hint =
                format!("hint: the weights have no classifier `{layer}` for {architecture}: train one");
            assert!(error.contains(&hint), "{error}");
        }
    }
}

#[test]
fn of_several_copies_none_is_guessed() {
    let own = model(Architecture::RESNET_PICO, 4, 1).state_dict();
    let other = model(Architecture::RESNET_PICO, 4, 3).state_dict();
    let both = |one: &str, two: &str| {
        let mut weights = renamed(&own, |name| format!("{one}{name}"));
        weights.extend(renamed(&other, |name| format!("{two}{name}")));
        weights
    };
    // A moving average has no counters.
    let mut average = both("model.", "ema_model.");
    average.retain(|name, _| !(name.starts_with("ema") && name.ends_with("num_batches_tracked")));
    for weights in [average, both("student.backbone.", "teacher.backbone.")] {
        let mut target = resnet(4, 2);
        let error = target.load(&StateDict::from_tensors(weights)).unwrap_err();
        assert!(matches!(&error, Error::Copies { prefixes, .. } if prefixes.len() == 2), "{error}");
        assert!(error.to_string().contains("expected one resnet_pico, found 2: under `"), "{error}");
        assert_eq!(target.state_dict(), resnet(4, 2).state_dict());
    }
    // MoCo's names tell the trained network from its copy.
    let mut moco = both("module.encoder_q.", "module.encoder_k.");
    moco.insert("module.queue".to_owned(), OwnedTensor::f32([1], &[0.0]));
    let loaded = assert_loads(Architecture::RESNET_PICO, &moco, &own);
    assert_eq!(loaded.left_out.len(), own.len() + 1);
}

#[test]
fn a_count_of_batches_of_another_form_is_as_good_as_absent() {
    let own = model(Architecture::RESNET_PICO, 4, 1).state_dict();
    let is_count = |name: &str| name.ends_with("num_batches_tracked");
    let with = |count: Option<OwnedTensor>| -> BTreeMap<_, _> {
        let other = |(name, tensor): (&String, &OwnedTensor)| {
            let tensor = if is_count(name) { count.clone()? } else { tensor.clone() };
            Some((name.clone(), tensor))
        };
        own.iter().filter_map(other).collect()
    };
    let counts = [Some(OwnedTensor::f32([], &[7.0])), Some(OwnedTensor::i64([1], &[7])), None];
    for count in counts {
        let loaded = assert_loads(Architecture::RESNET_PICO, &with(count), &own);
        assert_eq!(loaded, Loaded::default());
    }
    // One of its own form is read.
    let seven = with(Some(OwnedTensor::i64([], &[7])));
    assert_loads(Architecture::RESNET_PICO, &seven, &seven);
}

#[test]
fn other_conventions_are_named_with_the_way_out() {
    let own = model(Architecture::DEIT_PICO, 4, 1).state_dict();
    let pooled = |name: &str| match name.strip_prefix("norm.") {
        Some(part) => format!("fc_norm.{part}"),
        None => name.to_owned(),
    };
    let transformers = |name: &str| match name {
        "cls_token" => "vit.embeddings.cls_token".to_owned(),
        _ => format!("vit.encoder.layer.{name}.query"),
    };
    let mut distilled = own.clone();
    distilled.insert("head_dist.weight".to_owned(), OwnedTensor::f32([4, 1], &[0.0; 4]));
    for (weights, expected) in [
        (distilled, "those of a distilled DeiT, which has a second classifier: use weights without"),
        (renamed(&own, pooled), "those of a vision transformer that classifies the mean of its patches: use"),
        (renamed(&own, transformers), "of Hugging Face transformers: use the network's weights from timm"),
    ] {
        let hint = mismatch(model(Architecture::DEIT_PICO, 4, 2), weights).hint.unwrap();
        assert!(hint.contains(expected), "{hint}");
    }
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
