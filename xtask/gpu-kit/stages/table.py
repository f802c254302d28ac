"""`table`: a column of Table 1 from pretraining to the report, with 1, 2 and 4 jobs at once."""

import shutil
from functools import partial

from harness.figures import rate
from harness.kit import Kit
from harness.stage import Case, Figures, Stage
from stages import grid

AT_ONCE = [1, 2, 4]
QUICK = [
    "backbone.architecture=resnet_pico",
    "model.image_size=32",
    "model.batch_size=32",
    "pretrain.source.image_size=32",
    "pretrain.source.train=96",
    "dataset.source.image_size=32",
    "dataset.source.train=96",
    "dataset.source.val=48",
    "dataset.source.test=48",
    "pretrain.epochs=1",
    "probe.epochs=1",
    "finetune.epochs=1",
    "fgg.epochs=3",
    "grid.learning_rates=[1e-3, 1e-4]",
    "evaluation.resamples=20",
]


def cases(kit: Kit) -> list[Case]:
    """Return a case for each number of jobs at once."""
    numbers = AT_ONCE[:2] if kit.options.quick else AT_ONCE
    return [Case(f"{number} job{'s' * (number > 1)} at once", partial(column, number)) for number in numbers]


def values(kit: Kit, number: int) -> list[str]:
    """Return the overrides of the configuration: the size, the images, and how to run it."""
    found = [f"run.jobs_per_device={number}"]
    if kit.options.on_gpu:
        found.append("model.precision=bf16")
    else:
        # The last bits of weights depend on the number of threads.
        found.append("run.threads=1")
    if kit.options.quick:
        found += QUICK
    elif folder := kit.options.images:
        split = "official" if (folder / "train").is_dir() else "ratio"
        found += [f'dataset.source={{kind="folder", path="{folder}"}}', f'dataset.split={{kind="{split}"}}']
        found += ['dataset.name="images"', "dataset.shrink_px=128"]
    return found


def column(number: int, kit: Kit) -> Figures:
    """Run the whole table in a runs folder of its own, and write its report."""
    runs = kit.work / f"runs-{number}"
    shutil.rmtree(runs, ignore_errors=True)
    seconds = grid.run(kit, "table", runs, kit.options.device, values(kit, number))
    kit.run("ff-grid", "report", "--runs", runs, "--output", runs / "report.html")
    records = grid.records(runs)
    training = [record for record in records if record["output"].get("training")]
    figures = {
        "wall_seconds": seconds,
        "jobs": len(records),
        "epochs": sum(record["cost"]["epochs"] for record in training),
        "train_images": sum(record["cost"]["train_images"] for record in training),
        "training_seconds": sum(record["seconds"] for record in training),
        "job_seconds": sum(record["seconds"] for record in records),
        "devices": sorted({record["device"] for record in records}),
        "table": grid.table_digest(runs / "tables" / "table" / "table.json"),
    }
    shutil.rmtree(runs)
    return figures


def rows(case: str, figures: Figures, done: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line; the tables are compared with that of the first case."""
    first = next(iter(done.values()))
    equal = "" if figures is first else "equal" if figures["table"] == first["table"] else "**differs**"
    wall, images = figures["wall_seconds"], figures["train_images"]
    return [
        [
            case,
            str(figures["jobs"]),
            str(figures["epochs"]),
            f"{wall:.1f}",
            f"{first['wall_seconds'] / wall:.2f}",
            rate(images / wall),
            rate(images / figures["training_seconds"]),
            f"{figures['job_seconds'] / 3600:.3f}",
            equal,
        ]
    ]


STAGE = Stage(
    name="table",
    title="A column of FissionFusion's Table 1 with ResNet18 at 64 px, from pretraining to the report.",
    columns=[
        "case",
        "jobs",
        "epochs",
        "wall time, s",
        "speed-up",
        "trained images/s of the table",
        "of a job",
        "job-hours",
        "table",
    ],
    cases=cases,
    rows=rows,
    notes=[
        "Images per second of the table: trained images over wall time. Of a job: over the time of training jobs.",
        "Job-hours: the sum of all jobs' times. With several jobs at once they share the device.",
        "Table: whether all scores equal those of the first line, in deterministic mode.",
    ],
)
