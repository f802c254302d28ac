"""`right`: the device computes what the CPU computes, and runs are repeatable and resume."""

from harness.figures import mark, small
from harness.kit import Kit
from harness.stage import Case, Figures, Stage
from stages import against_cpu, against_timm, runs


def cases(kit: Kit) -> list[Case]:
    """Return all checks: runs first, since most depends on them."""
    return [*runs.cases(kit), *against_cpu.cases(kit), *against_timm.cases(kit)]


def rows(case: str, figures: Figures, _: dict[str, Figures]) -> list[list[str]]:
    """Return a line for each comparison of a case."""
    lines = []
    for check in figures["checks"]:
        limit = check.get("limit")
        lines.append(
            [
                case,
                check["what"],
                check.get("precision") or "",
                small(check["difference"]),
                "" if limit is None else small(limit),
                "" if limit is None else mark(check["ok"]),
            ]
        )
    return lines


STAGE = Stage(
    name="right",
    title="What the device computes, compared with the CPU, with timm and with itself.",
    columns=["case", "compared", "precision", "difference", "limit", "result"],
    cases=cases,
    rows=rows,
    notes=[
        "Logits: the largest difference, as a share of the largest logit of the CPU in fp32.",
        "Weights: the number of files whose tensors are not equal bit by bit.",
        "Losses: the largest relative difference.",
        "A line without a limit is for information.",
    ],
)
