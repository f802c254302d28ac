"""`inmerge`: the time of in-model merging, as a share of a training step."""

from functools import partial

from harness.figures import median, rate, share
from harness.kit import Kit
from harness.stage import Case, Figures, Stage

# Network and the number of its first convolutions that are not merged, as the paper has them.
NETWORKS = [("vgg19", 10), ("vgg16", 10), ("resnet34", 30)]
QUICK = [("vgg_pico", 2)]
BATCH, SIZE = 324, 224
PRECISIONS = ["bf16", "tf32"]


def cases(kit: Kit) -> list[Case]:
    """Return a case for each network and precision of the step."""
    networks = QUICK if kit.options.quick else NETWORKS
    batch, size = (8, 32) if kit.options.quick else (BATCH, SIZE)
    found = []
    for network, skip in networks:
        for precision in PRECISIONS:
            name = f"{network}, {size} px, batch {batch}, {precision}"
            found.append(Case(name, partial(measure, network, skip, batch, size, precision)))
    return found


def measure(architecture: str, skip: int, batch: int, size: int, precision: str, kit: Kit) -> Figures:
    """Measure a merge and a step in turn."""
    rounds, iters, warmup = (1, 2, 1) if kit.options.quick else (2, 10, 10)
    common = ["--arch", architecture, "--device", kit.options.device]
    step = [*common, "--batch", batch, "--image-size", size, "--precision", precision, "--optimizer", "sgd"]
    merges, steps, layers = [], [], 0
    for _ in range(rounds):
        found = kit.json("ff-inmerge", "bench", *common, "--shallow-layers", skip, "--iters", 2 if kit.options.quick else 200)
        merges.append(found["ms_per_merge"])
        layers = found["layers"]
        steps.append(kit.json("ff-models", "bench", *step, "--iters", iters, "--warmup", warmup)["ms_per_step"])
    return {"merge_ms": merges, "step_ms": steps, "layers": layers}


def rows(case: str, figures: Figures, _: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line."""
    merge, step = median(figures["merge_ms"]), median(figures["step_ms"])
    return [[case, str(figures["layers"]), f"{merge:.3f}", rate(step), share(merge / step)]]


STAGE = Stage(
    name="inmerge",
    title="Milliseconds of a merge and of a training step without merging.",
    columns=["case", "layers that merge", "merge, ms", "step, ms", "share of the step"],
    cases=cases,
    rows=rows,
    notes=["The step is forward, cross-entropy, backward and SGD. Medians of runs in turn."],
)
