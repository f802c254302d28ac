"""The options that the scripts of this folder share."""

import argparse


def parser(about: str | None) -> argparse.ArgumentParser:
    """Return a parser of a network, its input and how to time it."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument("--arch", required=True)
    made.add_argument("--batch", type=int, required=True)
    made.add_argument("--image-size", type=int, required=True)
    made.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    made.add_argument("--device", default="cpu")
    made.add_argument("--iters", type=int, default=10)
    made.add_argument("--warmup", type=int, default=10)
    return made
