"""Logits of our networks and of timm's with the same weights."""

import shutil
from array import array
from functools import partial

from harness.files import floats
from harness.kit import Kit
from harness.process import Failed
from harness.stage import Case, Figures

QUICK = [("resnet18", 64)]
NETWORKS = [("resnet50", 224), ("deit_base_patch16_224", 224), ("vgg19", 224)]
LIMIT = 1e-4


def cases(kit: Kit) -> list[Case]:
    """Return a case for each network."""
    networks = QUICK if kit.options.quick else NETWORKS
    return [Case(f"{name}, against timm", partial(compare, name, size)) for name, size in networks]


def compare(architecture: str, size: int, kit: Kit) -> Figures:
    """Compare logits in fp32: ours on the device with timm's on the CPU and on the device."""
    folder = kit.work / "timm"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    device = kit.options.device
    words = ["--arch", architecture, "--image-size", size, "--batch", 4, "--device", device, "--output", folder]
    kit.peer("peer_logits.py", *words)
    files = ["--weights", folder / "weights.safetensors", "--input", folder / "input.safetensors"]
    words = ["--arch", architecture, *files, "--output", folder / "ours.safetensors", "--device", device]
    kit.run("ff-models", "logits", *words, "--precision", "fp32")
    ours = floats(folder / "ours.safetensors", "logits")
    on_cpu, on_device = [floats(folder / "timm.safetensors", name) for name in ("cpu", "device")]
    shutil.rmtree(folder, ignore_errors=True)
    checks = [
        row("logits: ours on the device, timm's on the CPU", ours, on_cpu, LIMIT),
        row("logits: ours on the device, timm's on the device", ours, on_device, LIMIT),
        row("logits: timm's on the device, timm's on the CPU", on_device, on_cpu, None),
    ]
    return {"checks": checks, "ok": all(check["ok"] for check in checks)}


def row(what: str, found: array, expected: array, limit: float | None) -> dict[str, object]:
    """Return a comparison: the largest difference as a share of the largest expected value."""
    if len(found) != len(expected) or not expected:
        raise Failed(f"{what}: expected {len(expected)} logits, found {len(found)}")
    largest = max(map(abs, expected))
    difference = max(abs(a - b) for a, b in zip(found, expected)) / largest
    # Not a number is never within a limit.
    ok = limit is None or difference <= limit
    return {"what": what, "precision": "fp32", "difference": difference, "limit": limit, "ok": ok}
