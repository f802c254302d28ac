"""`compile`: images per second of training, ours and those of `torch.compile`."""

from functools import partial

from harness.figures import rate, ratio
from harness.kit import Kit
from harness.stage import Case, Figures, Stage
from stages.step import NETWORKS, QUICK, compare, named
from stages.turns import remarks


def cases(kit: Kit) -> list[Case]:
    """Return a case for each network, in bf16: a compilation takes minutes."""
    networks = QUICK if kit.options.quick else NETWORKS
    return [Case(named(network, "bf16"), partial(compare, network, "bf16", "compile")) for network in networks]


def rows(case: str, figures: Figures, _: dict[str, Figures]) -> list[list[str]]:
    """Return a case's line."""
    ours, peer = [figures["median"][name] for name in ("ours", "compile")]
    return [[case, rate(ours), rate(peer), ratio(ours, peer), remarks(figures["errors"].values())]]


STAGE = Stage(
    name="compile",
    title="Images per second of training, as in `step`, beside PyTorch's compiler.",
    columns=["case", "ours", "torch.compile", "ratio", "remark"],
    cases=cases,
    rows=rows,
    notes=["Each is measured once, the compiled network after its compilation."],
)
