"""The kit's command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent

EXAMPLES = """examples:
  ./run.sh all
  ./run.sh right step --device cuda:1
  ./run.sh all --device cpu --quick
"""


@dataclass(frozen=True)
class Options:
    """The options of one call."""

    stages: list[str]
    device: str
    quick: bool
    results: Path
    programs: Path
    images: Path | None
    again: bool
    limit: float

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device != "cpu"


def device(text: str) -> str:
    """Return a device as all programs name it: `cpu` or `cuda:N`."""
    kind, _, number = text.partition(":")
    if text == "cpu" or kind == "cuda" and number.isdigit():
        return text
    raise argparse.ArgumentTypeError(f"expected cpu or cuda:N, found `{text}`")


def seconds(text: str) -> float:
    """Return a positive number of seconds."""
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"expected a positive number, found `{text}`")
    return value


def parse(words: list[str], stages: list[str]) -> Options:
    """Parse a command line; errors end the program with exit code 2."""
    parser = argparse.ArgumentParser(
        prog="run.sh",
        description="Prove and measure the GPU path of these programs on this machine.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    add = parser.add_argument
    add("stages", nargs="+", choices=[*stages, "all"], metavar="STAGE", help=f"all, or of {', '.join(stages)}")
    add("--device", type=device, default="cuda:0", help="cuda:N or cpu [default: cuda:0]")
    add("--quick", action="store_true", help="small networks and images, few steps: a test of the kit itself")
    add("--results", type=Path, default=HERE / "results", metavar="DIR", help="folder of results [default: results]")
    add("--programs", type=Path, default=HERE / "bin", metavar="DIR", help="folder of the programs [default: bin]")
    add("--images", type=Path, metavar="DIR", help="class folders of images [default: those of the kit, or drawn]")
    add("--again", action="store_true", help="run finished stages again; with `all`, replace results of another machine")
    add("--limit", type=seconds, default=460.0, metavar="SECONDS", help="start no case after this time [default: 460]")
    given = parser.parse_args(words)
    wanted = stages if "all" in given.stages else [name for name in stages if name in given.stages]
    images = given.images or (HERE / "images" if (HERE / "images").is_dir() else None)
    if images and not images.is_dir():
        parser.error(f"--images: expected a folder, found none at {images}")
    return Options(
        stages=wanted,
        device=given.device,
        quick=given.quick,
        results=given.results.resolve(),
        programs=given.programs.resolve(),
        images=images.resolve() if images else None,
        again=given.again,
        limit=given.limit,
    )
