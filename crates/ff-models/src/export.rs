//! A model as an ONNX file: pixels to probabilities.

use serde::Serialize;
use tch::Tensor;

use crate::error::Error;
use crate::model::Model;
use crate::normalisation::Normalisation;
use crate::onnx::{
    File, Graph, GraphProto, Head, ModelProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto,
};

/// The most bytes of a protobuf message, and so of an ONNX file with its weights inside.
const MAX_SIZE: usize = i32::MAX as usize;

/// What the file says of its input.
const PIXELS: &str = "RGB, top row first, from 0 to 1";

impl Model {
    /// Makes an ONNX file (operator set 17) of the model in evaluation mode, in fp32 whatever the
    /// spec's precision.
    ///
    /// Its input `images` is fp32 `[N, 3, image_size, image_size]` for any N: RGB, top row first,
    /// from 0 to 1. The normalisation is inside. Its outputs are `logits` and `probabilities`, both
    /// fp32 `[N, outputs]`. Weights have their names in the state dict. The metadata are
    /// `architecture`, `image_size` in pixels, `normalisation` (JSON), `task` (`multiclass` or
    /// `multilabel`), `classes` (a JSON array) if the head has their names, and the head's own.
    ///
    /// ```
    /// use ff_models::onnx::{Head, Probabilities};
    /// use ff_models::{Architecture, Model, Spec};
    ///
    /// let model = Model::new(&Spec::new(Architecture::RESNET_PICO, 2), ff_models::tch::Device::Cpu, 0)?;
    /// let classes = vec!["benign".to_owned(), "malignant".to_owned()];
    /// let head = Head { probabilities: Probabilities::softmax(), classes, metadata: Default::default() };
    /// let mut file = Vec::new();
    /// model.to_onnx(&head)?.write(&mut file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OnnxHead`] if the head does not fit the model; [`Error::NoOnnx`] for a network
    /// without [`Backbone::onnx`](crate::Backbone::onnx); [`Error::OnnxSize`] beyond 2 GiB.
    pub fn to_onnx(&self, head: &Head) -> Result<File, Error> {
        let spec = self.spec();
        let architecture = spec.architecture.name;
        head.check(spec.outputs)?;
        let metadata_props = self.metadata(head)?;

        let mut graph = Graph::new(self.parameters());
        let images = normalise(&mut graph, spec.normalisation());
        let logits = self.backbone.onnx(&mut graph, &images).ok_or(Error::NoOnnx { architecture })?;
        let logits = graph.named_node("logits", "Identity", &[&logits], &[]);
        let probabilities = head.probabilities.onnx(&mut graph, &logits);

        let (side, outputs) = (i64::from(spec.image_size), spec.outputs as i64);
        let file = File {
            model: ModelProto {
                ir_version: 8,
                producer_name: env!("CARGO_PKG_NAME").to_owned(),
                producer_version: env!("CARGO_PKG_VERSION").to_owned(),
                opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
                metadata_props,
            },
            graph: GraphProto {
                node: graph.nodes,
                name: architecture.to_owned(),
                input: vec![ValueInfoProto::batch("images", &[3, side, side], PIXELS)],
                output: vec![
                    ValueInfoProto::batch(&logits, &[outputs], ""),
                    ValueInfoProto::batch(&probabilities, &[outputs], ""),
                ],
            },
            constants: graph.constants,
        };
        match file.size() {
            found if found > MAX_SIZE => Err(Error::OnnxSize { architecture, expected: MAX_SIZE, found }),
            _ => Ok(file),
        }
    }

    /// Returns the file's metadata, in order of key.
    fn metadata(&self, head: &Head) -> Result<Vec<StringStringEntryProto>, Error> {
        let spec = self.spec();
        let mut own = vec![
            ("architecture", spec.architecture.name.to_owned()),
            ("image_size", spec.image_size.to_string()),
            ("normalisation", json(&spec.normalisation())),
            ("task", head.probabilities.task().to_owned()),
        ];
        if !head.classes.is_empty() {
            own.push(("classes", json(&head.classes)));
        }
        let mut all = head.metadata.clone();
        for (key, value) in own {
            if all.insert(key.to_owned(), value).is_some() {
                let expected = "no entry that the model writes itself".to_owned();
                return Err(Error::OnnxHead { what: "metadata", expected, found: key.to_owned() });
            }
        }
        Ok(all.into_iter().map(|(key, value)| StringStringEntryProto { key, value }).collect())
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers and names have a form in JSON")
}

/// Adds what normalises pixels from 0 to 1.
fn normalise(graph: &mut Graph, Normalisation { mean, std }: Normalisation) -> String {
    let [mean, std] = [("normalisation.mean", mean), ("normalisation.std", std)]
        .map(|(name, values)| graph.named_constant(name, &Tensor::from_slice(&values).view([3i64, 1, 1])));
    let centred = graph.node("Sub", &["images", &mean], &[]);
    graph.node("Div", &[&centred, &std], &[])
}
