"""`ff-models check`: logits, training, dropout and in-model merging against the CPU."""

from functools import partial

from harness.kit import Kit, parsed
from harness.stage import Case, Figures

QUICK = ["resnet_pico", "vgg_pico", "deit_pico_patch4"]
ARCHITECTURES = [
    *QUICK,
    "vgg16_quarter",
    "resnet18",
    "resnet34",
    "resnet50",
    "deit_tiny_patch16_224",
    "deit_small_patch16_224",
    "vgg16",
    "vgg19",
    "deit_base_patch16_224",
]


def cases(kit: Kit) -> list[Case]:
    """Return a case for each architecture, the small ones first."""
    architectures = QUICK if kit.options.quick else ARCHITECTURES
    return [Case(f"{name}, against the CPU", partial(check, name)) for name in architectures]


def check(architecture: str, kit: Kit) -> Figures:
    """Run the comparisons of one architecture. The program prints them even if one is over its limit."""
    steps = ["--steps", 3, "--image-size", 32] if kit.options.quick else ["--steps", 50]
    words = ["--arch", architecture, "--device", kit.options.device, *steps, "--json"]
    found = parsed(kit.run("ff-models", "check", *words, check=False))
    checks = [{**one, "what": one["check"]} for one in found["checks"]]
    return {"checks": checks, "ok": bool(checks) and all(one["ok"] for one in checks)}
