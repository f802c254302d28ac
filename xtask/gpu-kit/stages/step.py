"""`step`: images per second of training, ours and PyTorch's, alone and with the loader."""

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


def sizes(kit: Kit) -> tuple[int, int, int]:
    """Return rounds, timed steps and warm-up steps."""
    return (1, 1, 1) if kit.options.quick else (3, 10, 10)


def cases(kit: Kit) -> list[Case]:
    """Return the comparisons with eager mode, then the loader, then compilation, which takes longest."""
    networks = QUICK if kit.options.quick else NETWORKS
    pairs = [(network, precision) for precision in PRECISIONS for network in networks]
    name = lambda network, precision: f"{network[0]}, {network[2]} px, batch {network[1]}, {precision}"  # noqa: E731
    eager = [Case(name(*pair), partial(compare, *pair, ["eager"])) for pair in pairs]
    compiled = [Case(f"{name(*pair)}, compiled", partial(compare, *pair, ["compile"])) for pair in pairs]
    return [*eager, *loader.cases(kit), *compiled]


def compare(network: tuple[str, int, int], precision: str, peers: list[str], kit: Kit) -> Figures:
    """Measure ours and PyTorch's in turn. A compiled model is measured once, since compiling takes minutes."""
    rounds, iters, warmup = sizes(kit)
    architecture, batch, size = network
    words = ["--arch", architecture, "--batch", batch, "--image-size", size, "--precision", precision]
    words += ["--device", kit.options.device, "--iters", iters, "--warmup", warmup]
    ours = lambda: kit.json("ff-models", "bench", *words, "--optimizer", "adamw")["images_per_s"]  # noqa: E731
    peer = lambda more: kit.peer("peer_step.py", *words, *more)["images_per_s"]  # noqa: E731
    measures = {"ours": ours}
    if "compile" in peers:
        kit.needs_peer()
        rounds = 1
        measures["compile"] = partial(peer, ["--compile"])
    if "eager" in peers:
        measures["eager"] = partial(peer, [])
    values, errors = in_turn(rounds, measures)
    return {"each": values, "median": medians(values), "errors": errors}


def rows(case: str, figures: Figures, _: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line."""
    if "epochs" in figures:
        return [loader.row(case, figures)]
    middle = figures["median"]
    peers = [middle.get("eager"), middle.get("compile")]
    cells = [rate(middle["ours"])]
    for peer in peers:
        cells += [rate(peer), ratio(middle["ours"], peer)]
    return [[case, *cells, "", remarks(figures["errors"].values())]]


STAGE = Stage(
    name="step",
    title="Images per second of training: forward, cross-entropy, backward, AdamW.",
    columns=["case", "ours", "PyTorch eager", "ratio", "compiled", "ratio", "waits for images", "remark"],
    cases=cases,
    rows=rows,
    notes=[
        "Eager and compiled: timm's network in PyTorch, channels-last, fused AdamW, autocast for bf16.",
        "Medians of runs in turn; a compiled network is measured once, after its compilation.",
        "Ratios: how many times the peer's images per second ours trains.",
        "With the loader: `ff-train` on class folders, the median of the epochs after the first.",
    ],
)
