//! Recognition of weights by the names of their tensors.

use ff_checkpoint::StateDict;

/// A tensor that only timm's VGGs have.
const TIMM_VGG: &str = "pre_logits.fc1.weight";

/// Converts weights of timm's VGG, whose hidden linear layers are convolutions, to torchvision's
/// names and shapes; `None` for any other weights.
pub(crate) fn torchvision_vgg(weights: &StateDict) -> Option<StateDict> {
    weights.get(TIMM_VGG)?;
    let layers =
        [("pre_logits.fc1", "classifier.0"), ("pre_logits.fc2", "classifier.3"), ("head.fc", "classifier.6")];
    let renamed = weights.iter().map(|(name, tensor)| {
        let (layer, part) = name.rsplit_once('.').unwrap_or(("", name));
        let mut tensor = tensor.to_owned();
        let Some((_, other)) = layers.iter().find(|(timm, _)| *timm == layer) else {
            return (name.to_owned(), tensor);
        };
        if let [outputs, rest @ ..] = tensor.shape.as_slice()
            && part == "weight"
        {
            tensor.shape = vec![*outputs, rest.iter().product()];
        }
        (format!("{other}.{part}"), tensor)
    });
    Some(StateDict::from_tensors(renamed.collect()))
}

/// Returns the family that weights belong to, and the tensor name that identifies it.
pub(crate) fn looks_like(weights: &StateDict) -> Option<(&'static str, &'static str)> {
    let marks = [
        ("ResNet", "layer1.0.conv1.weight"),
        ("DeiT or another vision transformer", "blocks.0.attn.qkv.weight"),
        ("VGG", "features.0.weight"),
    ];
    marks.into_iter().find(|(_, mark)| weights.get(mark).is_some())
}
