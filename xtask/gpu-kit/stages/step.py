"""`step`: images per second of training, ours and PyTorch's eager mode, alone and with the loader."""

from functools import partial

from harness.figures import rate, ratio
from harness.kit import Kit
from harness.stage import Case, Figures, Stage
from stages import loader
from stages.turns import in_turn, medians, remarks

# Network, batch of its paper, side of the images.
NETWORKS = [
    ("resnet50", 128, 224),
    ("deit_base_patch16_224", 128, 224),
    ("vgg19", 324, 224),
    ("vgg19", 324, 64),
    ("resnet18", 128, 64),
]
QUICK = [("resnet18", 4, 32)]
PRECISIONS = ["bf16", "tf32"]


def sizes(kit: Kit, size: int) -> tuple[int, int, int]:
    """Return rounds, timed steps and warm-up steps; more steps of small images, which take less."""
    return (1, 1, 1) if kit.options.quick else (2, 10, 10) if size > 100 else (2, 60, 60)


def named(network: tuple[str, int, int], precision: str) -> str:
    """Return the name of a case."""
    architecture, batch, size = network
    return f"{architecture}, {size} px, batch {batch}, {precision}"


def cases(kit: Kit) -> list[Case]:
    """Return the comparisons, then the loader."""
    networks = QUICK if kit.options.quick else NETWORKS
    pairs = [(network, precision) for precision in PRECISIONS for network in networks]
    return [*[Case(named(*pair), partial(compare, *pair, "eager")) for pair in pairs], *loader.cases(kit)]


def compare(network: tuple[str, int, int], precision: str, mode: str, kit: Kit) -> Figures:
    """Measure ours and PyTorch's in turn. A compiled model is measured once, since compiling takes minutes."""
    architecture, batch, size = network
    rounds, iters, warmup = sizes(kit, size)
    words = ["--arch", architecture, "--batch", batch, "--image-size", size, "--precision", precision]
    words += ["--device", kit.options.device, "--iters", iters, "--warmup", warmup]
    ours = lambda: kit.json("ff-models", "bench", *words, "--optimizer", "adamw")["images_per_s"]  # noqa: E731
    more = ["--compile"] if mode == "compile" else []
    peer = lambda: kit.peer("peer_step.py", *words, *more)["images_per_s"]  # noqa: E731
    values, errors = in_turn(1 if more else rounds, {"ours": ours, mode: peer})
    return {"each": values, "median": medians(values), "errors": errors}


def rows(case: str, figures: Figures, done: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line. Training with the loader is compared with the eager step without it."""
    if "epochs" in figures:
        alone = done.get(named(NETWORKS[0], "bf16"), {"median": {"eager": None}})
        return [loader.row(case, figures, alone["median"]["eager"])]
    ours, eager = [figures["median"][name] for name in ("ours", "eager")]
    return [[case, rate(ours), rate(eager), ratio(ours, eager), "", remarks(figures["errors"].values())]]


STAGE = Stage(
    name="step",
    title="Images per second of training: forward, cross-entropy, backward, AdamW.",
    columns=["case", "ours", "PyTorch eager", "ratio", "waits for images", "remark"],
    cases=cases,
    rows=rows,
    notes=[
        "Eager: timm's network in PyTorch, channels-last, fused AdamW, autocast for bf16; images are normalised before.",
        "Medians of runs in turn.",
        "Ratios: how many times the peer's images per second ours trains.",
        "With the loader: `ff-train` on class folders, the median of the epochs after the first, beside eager steps "
        "of the same network without any loader.",
    ],
)
