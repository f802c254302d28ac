"""Write golden logits of timm's and torchvision's models, BatchNorm's running statistics, costs, and
maps of Grad-CAM.

    python make.py        # torch 2.11, timm 1.0.31, torchvision 0.26, grad-cam 1.5.7; writes the
                          # *.json and grad_cam.safetensors beside it

The weights are too large for a golden file, so both sides compute them. Element i of the tensor
called `name` is

    key   = FNV-1a 64 of the name's UTF-8 bytes
    h     = splitmix64's output function on (key + (i + 1) * 0x9E3779B97F4A7C15), modulo 2^64
    u     = (h >> 40) / 2^24                                  in [0, 1)
    value = float32(centre + half_width * (2 u - 1))          computed in float64

with centre and half_width by the kind of tensor (`centre_and_half_width`), so that activations
stay in a normal range. The input is the tensor called "input" with half_width 2, in place of
normalised images.
"""

import json
import math
from pathlib import Path

import numpy as np
import timm
import torch
import torchvision
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors.numpy import save_file
from timm.models.vision_transformer import checkpoint_filter_fn
from torch.utils.flop_counter import FlopCounterMode

HERE = Path(__file__).parent
OUTPUTS = 10
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def key_of(name: str) -> np.uint64:
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = ((key ^ byte) * 0x100000001B3) % 2**64
    return np.uint64(key)


def fill(name: str, shape: tuple[int, ...], centre: float, half_width: float) -> torch.Tensor:
    count = math.prod(shape)
    values = np.empty(count, dtype=np.float32)
    chunk = 1 << 22
    with np.errstate(over="ignore"):
        for start in range(0, count, chunk):
            index = np.arange(start + 1, min(start + chunk, count) + 1, dtype=np.uint64)
            h = key_of(name) + index * GOLDEN
            h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            h = h ^ (h >> np.uint64(31))
            u = (h >> np.uint64(40)).astype(np.float64) / 2**24
            values[start : start + len(index)] = centre + half_width * (2 * u - 1)
    return torch.from_numpy(values).reshape(shape)


def centre_and_half_width(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    if name.endswith("running_var"):
        return 1.0, 0.25
    if name.endswith(("running_mean", "bias")):
        return 0.0, 0.1
    if len(shape) == 1:  # gain of a normalisation
        return 1.0, 0.25
    if len(shape) == 3:  # class token, position embedding
        return 0.0, 0.5
    return 0.0, math.sqrt(6 / math.prod(shape[1:]))  # standard deviation sqrt(2 / fan in)


def weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    out = {}
    for name, tensor in model.state_dict().items():
        shape = tuple(tensor.shape)
        if name.endswith("num_batches_tracked"):
            out[name] = torch.zeros_like(tensor)
        else:
            out[name] = fill(name, shape, *centre_and_half_width(name, shape))
    return out


def images(name: str, batch: int, px: int) -> torch.Tensor:
    return fill(name, (batch, 3, px, px), 0.0, 2.0)


def create(name: str, px: int | None = None, outputs: int = OUTPUTS) -> torch.nn.Module:
    if name.startswith("vgg"):
        return torchvision.models.get_model(name, num_classes=outputs, init_weights=False)
    size = {"img_size": px} if name.startswith("deit") and px else {}
    return timm.create_model(name, num_classes=outputs, **size)


def logits() -> list[dict]:
    cases = [
        ("resnet18", 64, 2), ("resnet34", 64, 2), ("resnet50", 64, 2), ("resnet18", 97, 1),
        ("vgg16", 32, 2), ("vgg19", 64, 1),
        ("deit_tiny_patch16_224", 224, 2), ("deit_small_patch16_224", 224, 1), ("deit_base_patch16_224", 224, 1),
        ("deit_tiny_patch16_224", 160, 1), ("deit_tiny_patch16_224", 288, 1),
    ]  # fmt: skip
    out = []
    for name, px, batch in cases:
        model = create(name)
        state = weights(model)
        if name.startswith("deit") and px != 224:
            model = create(name, px)
            state = checkpoint_filter_fn(state, model)
        model.load_state_dict(state, strict=True)
        model.eval()
        with torch.no_grad():
            result = model(images("input", batch, px))
        out.append({"architecture": name, "px": px, "batch": batch, "logits": result.tolist()})
        print(name, px, result.abs().max().item(), flush=True)
    return out


def batch_norm() -> dict:
    """Return ResNet18's running statistics after two batches of training, and after `update_bn`.

    `update_bn` gets three batches, the last one smaller: each counts the same in its mean.
    """
    model = create("resnet18")
    model.load_state_dict(weights(model), strict=True)
    model.train()
    with torch.no_grad():
        for step in range(2):
            model(images(f"input.{step}", 4, 64))
    trained = buffers(model)
    batches = (images(f"input.{step}", batch, 64) for step, batch in enumerate([4, 4, 3]))
    torch.optim.swa_utils.update_bn(batches, model)
    fixed = {"architecture": "resnet18", "px": 64, "batch": 4, "steps": 2}
    return {**fixed, "buffers": trained, "recalibrated": buffers(model)}


def buffers(model: torch.nn.Module) -> dict[str, list[float]]:
    state = model.state_dict()
    buffers = {}
    for layer in ["bn1", "layer2.0.downsample.1", "layer4.1.bn2"]:
        for buffer in ["running_mean", "running_var", "num_batches_tracked"]:
            buffers[f"{layer}.{buffer}"] = state[f"{layer}.{buffer}"].flatten()[:16].tolist()
    return buffers


def costs() -> list[dict]:
    """Count weights, and multiply-adds of one image, which PyTorch counts as two operations each."""
    names = ["resnet18", "resnet34", "resnet50", "vgg16", "vgg19"]
    names += [f"deit_{size}_patch16_224" for size in ["tiny", "small", "base"]]
    others = [("resnet18", 97), ("resnet50", 160), ("vgg16", 64), ("deit_tiny_patch16_224", 288)]
    out = []
    for name, px in [(name, 224) for name in names] + others:
        model = create(name, px, outputs=1000).eval().to("meta")
        with FlopCounterMode(display=False) as counter:
            model(torch.empty(1, 3, px, px, device="meta"))
        weights = sum(weight.numel() for weight in model.parameters())
        counts = {"weights": weights, "multiply_adds": counter.get_total_flops() // 2}
        out.append({"architecture": name, "px": px, **counts})
    return out


def vgg_pico() -> torch.nn.Module:
    features = torchvision.models.vgg.make_layers([16, "M", 32, "M", 64, 64, "M"])
    model = torchvision.models.VGG(features, init_weights=False)
    model.avgpool = torch.nn.AdaptiveAvgPool2d(2)
    for layer, (inputs, outputs) in {0: (256, 128), 3: (128, 128), 6: (128, OUTPUTS)}.items():
        model.classifier[layer] = torch.nn.Linear(inputs, outputs)
    return model


def grad_cam(cases: list[tuple[str, int]]) -> dict[str, np.ndarray]:
    """Return maps of two images, one for output 3 and one for output 8, `[2, px, px]`.

    The images are the tensor called "pixels", `[2, px, px, 3]`, with centre and half_width 128, cut
    to bytes. The layers are those that grad-cam documents for these networks.
    """
    out = {}
    for name, px in cases:
        model = vgg_pico() if name == "vgg_pico" else create(name)
        model.load_state_dict(weights(model), strict=True)
        model.eval()
        layer = model.features[-1] if name.startswith("vgg") else model.layer4[-1]
        pixels = fill("pixels", (2, px, px, 3), 128, 128).to(torch.uint8)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        images = ((pixels / 255 - mean) / std).permute(0, 3, 1, 2)
        targets = [ClassifierOutputTarget(3), ClassifierOutputTarget(8)]
        out[name] = GradCAM(model, [layer])(images, targets)
    return out


if __name__ == "__main__":
    torch.manual_seed(0)
    (HERE / "logits.json").write_text(json.dumps(logits(), indent=1) + "\n")
    (HERE / "batch_norm.json").write_text(json.dumps(batch_norm(), indent=1) + "\n")
    (HERE / "costs.json").write_text(json.dumps(costs(), indent=1) + "\n")
    maps = grad_cam([("resnet18", 65), ("vgg_pico", 37)])
    save_file(maps, HERE / "grad_cam.safetensors")
