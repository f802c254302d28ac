"""`memory`: the largest batch of each network, and what happens beyond it."""

import shutil
from functools import partial

from harness.kit import Kit
from harness.process import Failed, LeftOut
from harness.stage import Case, Figures, Stage
from stages import grid

ARCHITECTURES = [
    "resnet50",
    "deit_base_patch16_224",
    "vgg19",
    "resnet18",
    "resnet34",
    "deit_small_patch16_224",
    "deit_tiny_patch16_224",
    "vgg16",
]
SMALLEST, LARGEST, SIZE = 128, 2048, 224
REFUSED = "does not fit"


def cases(kit: Kit) -> list[Case]:
    """Return a case for each network, and the table with a batch that is too large."""
    architectures = ["resnet_pico"] if kit.options.quick else ARCHITECTURES
    found = [Case(f"{name}, {size(kit)[2]} px, bf16", partial(double, name)) for name in architectures]
    return [*found, Case("a table whose batch is too large", too_large)]


def size(kit: Kit) -> tuple[int, int, int]:
    """Return the smallest and the largest batch to try, and the side of the images."""
    return (2, 8, 32) if kit.options.quick else (SMALLEST, LARGEST, SIZE)


def double(architecture: str, kit: Kit) -> Figures:
    """Double the batch until the program refuses it."""
    if not kit.options.on_gpu and not kit.options.quick:
        raise LeftOut("on the CPU it would fill the machine's memory")
    batch, largest, side = size(kit)
    words = ["--arch", architecture, "--image-size", side, "--precision", "bf16", "--device", kit.options.device]
    fits = None
    while batch <= largest:
        output = kit.run("ff-models", "bench", *words, "--batch", batch, "--iters", 1, "--warmup", 1, check=False)
        if output.code != 0:
            message = output.error().removeprefix("error: ")
            if REFUSED not in output.stderr:
                # Some kernels cannot count the elements of so large a map.
                message = f"for another reason: {message}"
            if fits is None:
                raise Failed(f"batch {batch}: {message}")
            return {"fits": fits, "refused": batch, "message": message}
        fits, batch = batch, 2 * batch
    return {"fits": fits, "refused": None, "message": ""}


def too_large(kit: Kit) -> Figures:
    """Run a table of two networks, of which one does not fit: only its job fails, and the command."""
    if not kit.options.on_gpu:
        raise LeftOut("on the CPU it would fill the machine's memory")
    runs = kit.work / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    output = kit.run("ff-grid", *grid.words("memory", runs, kit.options.device, []), check=False)
    labels = [record["label"] for record in grid.records(runs)]
    shutil.rmtree(runs, ignore_errors=True)
    checks = {
        "exit code 1": output.code == 1,
        "the message says out of memory": "out of memory" in output.stderr,
        "one job failed": "1 job failed" in output.stderr,
        "the other network has its score": any("fits" in label and "score" in label for label in labels),
        "the large network has none": not any("too large" in label and "score" in label for label in labels),
    }
    wrong = [name for name, holds in checks.items() if not holds]
    return {"checks": checks, "ok": not wrong, "message": f"not so: {', '.join(wrong)}" if wrong else "as it should be"}


def rows(case: str, figures: Figures, _: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line."""
    if "checks" in figures:
        return [[case, "", "", figures["message"]]]
    show = lambda batch: "–" if batch is None else str(batch)  # noqa: E731
    return [[case, show(figures["fits"]), show(figures["refused"]), figures["message"]]]


STAGE = Stage(
    name="memory",
    title="The largest batch of a training step with AdamW, by doubling.",
    columns=["case", "fits", "does not fit", "message"],
    cases=cases,
    rows=rows,
    notes=["No batch above the largest that fits was tried if the column `does not fit` is empty (–)."],
)
