"""Write three small models, their statistics, and their merges by NumPy: golden.safetensors.

    python make.py        # NumPy 2.4, safetensors 0.8

- "merged/fisher/FLOOR/TENSOR": numpy.average, weighted by the Fisher information or by the floor under it
  (Matena and Raffel 2022, arXiv 2111.09832).
- "merged/regmean/1/TENSOR": numpy.linalg.lstsq on the inputs and outputs of the layer in all models, the
  problem that RegMean solves (Jin et al. 2023, arXiv 2212.09849).
- "merged/regmean/0.9/TENSOR": the paper's closed form, with its factor of the inner products of different
  inputs.

Inputs are multiples of 1/4, so that their inner products are exact in 32 bits.
"""
import pathlib

import numpy as np
from safetensors.numpy import save_file

SHAPES = {"bn.running_mean": (4,), "conv.weight": (4, 2, 3, 3), "fc.bias": (3,), "fc.weight": (3, 6)}
LAYERS = ["conv.weight", "fc.weight"]
ROWS = 50
MODELS = 3

random = np.random.default_rng(0)
models = [
    {name: random.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    for _ in range(MODELS)
]
fisher = [
    {
        name: (10.0 ** random.uniform(-9, -3, shape)).astype(np.float32)
        for name, shape in SHAPES.items()
        if name != "bn.running_mean"
    }
    for _ in range(MODELS)
]
inputs = [
    {name: random.integers(-8, 9, (ROWS, int(np.prod(SHAPES[name][1:])))) / 4 for name in LAYERS}
    for _ in range(MODELS)
]
gram = [{name: (x.T @ x).astype(np.float32) for name, x in of.items()} for of in inputs]


def mean(name):
    return np.mean([model[name].astype(np.float64) for model in models], axis=0)


def by_fisher(name, floor):
    if name not in fisher[0]:
        return mean(name)
    weights = [np.maximum(of[name].astype(np.float64), floor) for of in fisher]
    return np.average([model[name].astype(np.float64) for model in models], axis=0, weights=weights)


def matrices(name):
    """The weight of each model as the paper has it: [inputs, outputs]."""
    return [model[name].astype(np.float64).reshape(SHAPES[name][0], -1).T for model in models]


def by_least_squares(name):
    if name not in LAYERS:
        return mean(name)
    x = np.concatenate([of[name] for of in inputs])
    y = np.concatenate([of[name] @ w for of, w in zip(inputs, matrices(name), strict=True)])
    return np.linalg.lstsq(x, y, rcond=None)[0].T.reshape(SHAPES[name])


def by_closed_form(name, scale):
    if name not in LAYERS:
        return mean(name)
    scaled = [scale * g[name] + (1 - scale) * np.diag(np.diag(g[name])) for g in gram]
    products = sum(g @ w for g, w in zip(scaled, matrices(name), strict=True))
    return np.linalg.solve(sum(scaled), products).T.reshape(SHAPES[name])


golden = {}
for at in range(MODELS):
    for kind, of in [("model", models), ("fisher", fisher), ("gram", gram)]:
        golden |= {f"{kind}/{at}/{name}": values for name, values in of[at].items()}
for name in SHAPES:
    golden[f"merged/fisher/1e-6/{name}"] = by_fisher(name, 1e-6)
    golden[f"merged/fisher/1e-30/{name}"] = by_fisher(name, 1e-30)
    golden[f"merged/regmean/1/{name}"] = by_least_squares(name)
    golden[f"merged/regmean/0.9/{name}"] = by_closed_form(name, 0.9)
golden = {name: np.ascontiguousarray(values) for name, values in golden.items()}
save_file(golden, pathlib.Path(__file__).parent / "golden.safetensors")
