//! ONNX files: two runtimes compute from them what the model computes.

use std::collections::BTreeMap;
use std::process::Command;

use ff_models::onnx::{Head, Probabilities};
use ff_models::{Architecture, Mode, Model, Precision, Spec, StateDict};
use tch::{Device, Kind, Tensor, no_grad};
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::*;

use crate::{PICO, golden, spec};

/// Tolerance relative to the largest value: fp32 with other kernels and another order of summation.
const TOLERANCE: f64 = 1e-4;

/// Returns a model whose weights and running statistics all count.
fn model(architecture: Architecture, image_size: u32) -> Model {
    let mut model = Model::new(&Spec { image_size, ..spec(architecture, 5) }, Device::Cpu, 0).unwrap();
    model.load_strict(&golden::weights(&model)).unwrap();
    model
}

fn head(probabilities: Probabilities) -> Head {
    Head { probabilities, classes: Vec::new(), metadata: BTreeMap::new() }
}

fn softmax() -> Head {
    head(Probabilities::Softmax { temperature: 1.7 })
}

fn sigmoid() -> Head {
    let (scale, shift) = (vec![1.0, 0.5, 1.5, 0.3, 2.0], vec![0.0, -0.5, 0.7, 1.0, -2.0]);
    head(Probabilities::Sigmoid { scale, shift })
}

fn bytes(model: &Model, head: &Head) -> Vec<u8> {
    let file = model.to_onnx(head).unwrap();
    let mut bytes = Vec::new();
    file.write(&mut bytes).unwrap();
    assert_eq!(bytes.len(), file.size());
    bytes
}

/// Returns images as the model takes them, u8 `[N, H, W, 3]`, and as its ONNX file does.
fn images(batch: i64, image_size: u32) -> [Tensor; 2] {
    let side = i64::from(image_size);
    let waves = Tensor::arange(batch * side * side * 3, (Kind::Float, Device::Cpu)).sin();
    let bytes = ((waves + 1.0) * 127.5).to_kind(Kind::Uint8).view([batch, side, side, 3]);
    let pixels = bytes.permute([0, 3, 1, 2]).to_kind(Kind::Float) / 255.0;
    [bytes, pixels.contiguous()]
}

/// Returns the logits of images and their probabilities.
fn expected(model: &Model, images: &Tensor, head: &Head) -> [Tensor; 2] {
    let logits = no_grad(|| model.forward(images, Mode::Eval)).to_kind(Kind::Double);
    let probabilities = match &head.probabilities {
        Probabilities::Softmax { temperature } => (&logits / *temperature).softmax(-1, None),
        Probabilities::Sigmoid { scale, shift } => {
            (&logits * Tensor::from_slice(scale) + Tensor::from_slice(shift)).sigmoid()
        }
    };
    [logits, probabilities]
}

fn assert_close(found: &[Tensor], expected: &[Tensor], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.size(), expected.size(), "{what}");
        let off = (found - expected).abs().max().double_value(&[]) / expected.abs().max().double_value(&[]);
        assert!(off < TOLERANCE, "{what}: off by {off:.2e} of the largest value");
    }
}

#[test]
fn tract_computes_what_the_model_computes() {
    // The map that VGG averages to 2 × 2 is 4, 2, 1, 5 and 6 pixels wide.
    let cases = [
        (Architecture::RESNET_PICO, [32, 17].as_slice()),
        (Architecture::RESNET18, &[32]), // it has max pooling
        (Architecture::DEIT_PICO, &[32, 8]),
        (Architecture::VGG_PICO, &[32, 16, 8, 40, 50]),
    ];
    for (architecture, sizes) in cases {
        for (&image_size, head) in sizes.iter().zip([softmax(), sigmoid()].iter().cycle()) {
            let model = model(architecture, image_size);
            let file = tract_onnx::onnx().model_for_read(&mut &*bytes(&model, head)).unwrap();
            let file = file.into_optimized().unwrap().into_runnable().unwrap();
            for batch in [1, 3] {
                let [bytes, pixels] = images(batch, image_size);
                let values = Vec::<f32>::try_from(pixels.view(-1)).unwrap();
                let shape = pixels.size().into_iter().map(|size| size as usize).collect::<Vec<_>>();
                let input = tract_onnx::prelude::Tensor::from_shape(&shape, &values).unwrap();
                let outputs = file.run(tvec!(input.into())).unwrap();
                let found = outputs.iter().map(|output| {
                    let output = output.to_plain_array_view::<f32>().unwrap();
                    Tensor::from_slice(&output.iter().copied().collect::<Vec<_>>()).view([batch, 5])
                });
                let what = format!("{architecture} at {image_size} px, {batch} images");
                assert_close(&found.collect::<Vec<_>>(), &expected(&model, &bytes, head), &what);
            }
        }
    }
}

/// Reads a file with tract's messages of ONNX.
fn read(file: &[u8]) -> ModelProto {
    tract_onnx::onnx().proto_model_for_read(&mut &*file).unwrap()
}

#[test]
fn a_file_has_the_weights_of_the_state_dict() {
    for architecture in PICO {
        let model = model(architecture, 32);
        let before = bytes(&model, &softmax());
        // As an optimizer does it: all weights become views of one buffer.
        let weights: Vec<Tensor> =
            model.parameters().trainable().map(|p| p.tensor.detach().reshape(-1)).collect();
        let flat = Tensor::cat(&weights, 0);
        let mut offset = 0;
        for parameter in model.parameters().trainable() {
            let mut handle = parameter.tensor.shallow_clone();
            handle.set_data(&flat.as_strided(handle.size(), handle.contiguous().stride(), Some(offset)));
            offset += handle.numel() as i64;
        }
        let file = bytes(&model, &softmax());
        assert!(file == before, "{architecture}");
        let file = read(&file);
        let constants = file.graph.unwrap().initializer;
        let find = |name: &str| constants.iter().find(|constant| constant.name == name);
        for (name, tensor) in model.state_dict() {
            let found = find(&name);
            if name.ends_with("num_batches_tracked") {
                assert_eq!(found, None, "{name}");
                continue;
            }
            let TensorProto { dims, raw_data, .. } =
                found.unwrap_or_else(|| panic!("{name}: not in the file"));
            assert_eq!(dims.iter().map(|&dim| dim as usize).collect::<Vec<_>>(), tensor.shape, "{name}");
            assert!(*raw_data == tensor.data, "{name}");
        }
    }
}

#[test]
fn a_file_computes_in_fp32_whatever_the_precision() {
    let fp32 = model(Architecture::DEIT_PICO, 32);
    let bf16 = Spec { precision: Precision::Bf16, ..*fp32.spec() };
    let mut bf16 = Model::new(&bf16, Device::Cpu, 0).unwrap();
    bf16.load_strict(&golden::weights(&bf16)).unwrap();
    assert!(bytes(&bf16, &softmax()) == bytes(&fp32, &softmax()));
}

#[test]
fn a_file_says_what_it_is() {
    let classes = ["a", "b \"quoted\"", "ü", "d", "e"].map(str::to_owned).to_vec();
    let metadata = BTreeMap::from([("soup".to_owned(), "blake3:0f".to_owned())]);
    let head = Head { classes, metadata, ..softmax() };
    let file = read(&bytes(&model(Architecture::VGG_PICO, 16), &head));
    assert_eq!((file.ir_version, file.producer_name.as_str()), (8, "ff-models"));
    assert_eq!(file.producer_version, env!("CARGO_PKG_VERSION"));
    assert_eq!((file.opset_import[0].domain.as_str(), file.opset_import[0].version), ("", 17));
    let entries: Vec<_> = file.metadata_props.iter().map(|it| (it.key.as_str(), it.value.as_str())).collect();
    let expected = [
        ("architecture", "vgg_pico"),
        ("classes", r#"["a","b \"quoted\"","ü","d","e"]"#),
        ("image_size", "16"),
        ("normalisation", r#"{"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]}"#),
        ("soup", "blake3:0f"),
        ("task", "multiclass"),
    ];
    assert_eq!(entries, expected);
    let labels = read(&bytes(&model(Architecture::VGG_PICO, 16), &sigmoid()));
    assert!(labels.metadata_props.iter().any(|it| it.value == "multilabel"));
    assert!(labels.metadata_props.iter().all(|it| it.key != "classes"));
}

#[test]
fn a_head_that_does_not_fit_is_refused() {
    let model = model(Architecture::RESNET_PICO, 32);
    let refused = |head: Head| model.to_onnx(&head).err().expect("refused").to_string();
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = refused(head(Probabilities::Softmax { temperature }));
        assert!(
            error.starts_with("ONNX file: temperature: expected a finite number above 0, found "),
            "{error}"
        );
    }
    let error = refused(head(Probabilities::sigmoid(4)));
    assert!(error.contains("scales of logits: expected 5 finite numbers, found [1.0, "), "{error}");
    let (scale, shift) = (vec![1.0; 5], vec![f64::NAN; 5]);
    assert!(refused(head(Probabilities::Sigmoid { scale, shift })).contains("shifts of logits: expected 5"));
    let error = refused(Head { classes: vec!["a".into()], ..softmax() });
    assert_eq!(error, "ONNX file: names of classes: expected 5, or none, found 1");
    let error = refused(Head { metadata: [("task".into(), "mine".into())].into(), ..softmax() });
    assert!(
        error.ends_with("metadata: expected no entry that the model writes itself, found task"),
        "{error}"
    );
}

/// A script that checks a file and runs it on a file of images.
const RUN: &str = r#"
import sys
import onnx, onnxruntime, safetensors.numpy as st
model, images, outputs = sys.argv[1:]
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
found = session.run(["logits", "probabilities"], {"images": st.load_file(images)["images"]})
st.save_file(dict(zip(["logits", "probabilities"], found)), outputs)
"#;

#[test]
fn onnx_runtime_computes_what_the_model_computes() {
    let python = std::env::var("FF_ONNX_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let libraries =
        Command::new(&python).args(["-c", "import onnx, onnxruntime, safetensors.numpy"]).output();
    if !libraries.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no Python with onnx, onnxruntime and safetensors (FF_ONNX_PYTHON or python3)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (architecture, image_size, head) in [
        (Architecture::RESNET_PICO, 32, softmax()),
        (Architecture::DEIT_PICO, 32, sigmoid()),
        (Architecture::VGG_PICO, 40, softmax()),
    ] {
        let model = model(architecture, image_size);
        std::fs::write(path("x.onnx"), bytes(&model, &head)).unwrap();
        let [bytes, pixels] = images(3, image_size);
        Tensor::write_safetensors(&[("images", &pixels)], path("images")).unwrap();
        let mut run = Command::new(&python);
        let output =
            run.args(["-c", RUN, "x.onnx", "images", "outputs"]).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let outputs = StateDict::open(path("outputs")).unwrap();
        let found = ["logits", "probabilities"].map(|name| {
            let data = outputs.get(name).unwrap().data.as_chunks().0;
            Tensor::from_slice(&data.iter().map(|&word| f32::from_le_bytes(word)).collect::<Vec<_>>())
                .view([3, 5])
        });
        assert_close(&found, &expected(&model, &bytes, &head), architecture.name);
    }
}
