"""`evaluate`: images per second of forward passes, ours and PyTorch's."""

from functools import partial

from harness.figures import rate, ratio
from harness.kit import Kit
from harness.process import Failed, LeftOut
from harness.stage import Case, Figures, Stage
from stages.turns import medians, remarks

NETWORKS = [
    ("resnet50", 256, 224),
    ("deit_base_patch16_224", 256, 224),
    ("vgg19", 256, 224),
    ("resnet18", 256, 64),
]
QUICK = [("resnet18", 4, 32)]
PRECISIONS = ["bf16", "tf32"]
VARIANTS = ["eager", "folded", "folded_relu"]


def cases(kit: Kit) -> list[Case]:
    """Return a case for each network in bf16, and for ResNet50 in TF32."""
    networks = QUICK if kit.options.quick else NETWORKS
    return [
        Case(f"{network}, {size} px, batch {batch}, {precision}", partial(compare, network, batch, size, precision))
        for precision in PRECISIONS
        for network, batch, size in networks
        if kit.options.quick or precision == "bf16" or network == "resnet50"
    ]


def compare(architecture: str, batch: int, size: int, precision: str, kit: Kit) -> Figures:
    """Measure ours and the peer's variants in turn."""
    rounds, iters, warmup = (1, 1, 1) if kit.options.quick else (2, 20, 20) if size > 100 else (2, 200, 200)
    words = ["--arch", architecture, "--batch", batch, "--image-size", size, "--precision", precision]
    words += ["--device", kit.options.device, "--iters", iters, "--warmup", warmup]
    values: dict[str, list[float]] = {name: [] for name in ["ours", *VARIANTS]}
    errors: dict[str, str] = {}
    for _ in range(rounds):
        values["ours"].append(kit.json("ff-models", "bench", *words, "--evaluate")["images_per_s"])
        if "all" in errors:
            continue
        try:
            found = kit.peer("peer_evaluate.py", *words)
        except (Failed, LeftOut) as error:
            errors["all"] = str(error)
            continue
        errors.update({name: f"{name}: {why}" for name, why in found["errors"].items()})
        for name in VARIANTS:
            if found.get(name) is not None:
                values[name].append(found[name])
    return {"each": values, "median": medians(values), "errors": errors}


def rows(case: str, figures: Figures, _: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line."""
    middle = figures["median"]
    cells = [rate(middle["ours"])]
    for name in VARIANTS:
        cells += [rate(middle[name]), ratio(middle["ours"], middle[name])]
    return [[case, *cells, remarks(figures["errors"].values())]]


STAGE = Stage(
    name="evaluate",
    title="Images per second of evaluation: a forward pass without gradients.",
    columns=["case", "ours", "PyTorch eager", "ratio", "folded", "ratio", "folded, joint ReLU", "ratio", "remark"],
    cases=cases,
    rows=rows,
    notes=[
        "Eager: timm's network in PyTorch, channels-last, autocast for bf16.",
        "Folded: BatchNorm folded into the convolutions with torch.fx, weights in the precision.",
        "Joint ReLU: the same with torch.cudnn_convolution_relu, as a hint of what is to be had.",
        "Medians of runs in turn; ratios are ours over the peer's.",
    ],
)
