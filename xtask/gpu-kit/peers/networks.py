"""timm's networks and PyTorch's settings, as the other scripts of this folder use them."""

import time
from collections.abc import Callable

import timm
import torch

CLASSES = 7


def settle(precision: str) -> None:
    """Set the arithmetic of fp32 tensors: that of the precision, on every backend."""
    # The newer switches, `fp32_precision`, make torch.compile fail in 2.11.
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = True


def create(architecture: str, image_size: int) -> torch.nn.Module:
    """Return a new network; VGG has the dropout of its paper, as ours has."""
    more: dict[str, object] = {}
    if architecture.startswith("deit"):
        more["img_size"] = image_size
    if architecture.startswith("vgg"):
        more["drop_rate"] = 0.5
    return timm.create_model(architecture, num_classes=CLASSES, **more)


def images(batch: int, image_size: int, device: str) -> torch.Tensor:
    """Return random images in channels-last layout, on the device."""
    made = torch.randn(batch, 3, image_size, image_size, device=device)
    return made.to(memory_format=torch.channels_last)


def seconds_each(step: Callable[[], object], device: str, iters: int, warmup: int) -> float:
    """Return the seconds of a step.

    On a GPU steps are queued and waited for once, in three blocks, of which the median counts. On
    the CPU it is the median step.
    """
    on_gpu = device.startswith("cuda")
    for _ in range(warmup):
        step()
    blocks, steps = (3, iters) if on_gpu else (iters, 1)
    times = []
    for _ in range(blocks):
        if on_gpu:
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        for _ in range(steps):
            step()
        if on_gpu:
            torch.cuda.synchronize(device)
        times.append((time.perf_counter() - started) / steps)
    return sorted(times)[len(times) // 2]
