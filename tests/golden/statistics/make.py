"""Write three small models, their statistics, and their merges by other programs: golden.safetensors.

    python make.py        # fusion-bench 0.2.33, torch 2.11, NumPy 2.4, safetensors 0.8

- "merged/fisher/1e-30/TENSOR": fusion_bench's Fisher merging (Matena and Raffel 2022, arXiv 2111.09832),
  without its floor and its norms.
- "merged/fisher/0.1/TENSOR": numpy.average, weighted by the Fisher information or, where that is less, by a
  tenth of its mean over the tensor in all models. fusion_bench has no such floor.
- "merged/regmean/1/TENSOR": numpy.linalg.lstsq on the inputs and outputs of the layer in all models, the
  problem that RegMean solves (Jin et al. 2023, arXiv 2212.09849).
- "merged/regmean/0.9/TENSOR": fusion_bench's RegMean, with the paper's factor of the inner products of
  different inputs. It merges linear layers, so kernels are given to it as matrices.

Inputs are multiples of 1/4, so that their inner products are exact in 32 bits.
"""
import pathlib

import numpy as np
import torch
from fusion_bench.method.fisher_merging.fisher_merging import merging_with_fisher_weights
from fusion_bench.method.regmean.regmean import merging_with_regmean_weights
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


def tensors(arrays):
    return {name: torch.from_numpy(values.astype(np.float64)) for name, values in arrays.items()}


def by_fisher():
    weights = {name: [tensors(model)[name] for model in models] for name in fisher[0]}
    coefficients = torch.ones(MODELS, dtype=torch.float64) / MODELS
    merged = merging_with_fisher_weights(weights, [tensors(of) for of in fisher], coefficients, False, 0.0)
    return {name: merged[name].numpy() if name in merged else mean(name) for name in SHAPES}


def by_floored_fisher(name, floor):
    if name not in fisher[0]:
        return mean(name)
    found = np.stack([of[name].astype(np.float64) for of in fisher])
    values = np.stack([model[name].astype(np.float64) for model in models])
    return np.average(values, axis=0, weights=np.maximum(found, floor * found.mean()))


def matrices(name):
    """The weight of each model as the paper has it: [inputs, outputs]."""
    return [model[name].astype(np.float64).reshape(SHAPES[name][0], -1).T for model in models]


def by_least_squares(name):
    if name not in LAYERS:
        return mean(name)
    x = np.concatenate([of[name] for of in inputs])
    y = np.concatenate([of[name] @ w for of, w in zip(inputs, matrices(name), strict=True)])
    return np.linalg.lstsq(x, y, rcond=None)[0].T.reshape(SHAPES[name])


def by_regmean(scale):
    start = {name: 1 if name in LAYERS else 0 for name in SHAPES}
    weights = {name: [tensors(model)[name].flatten(start[name]) for model in models] for name in SHAPES}
    grams = [{name.removesuffix(".weight"): g for name, g in tensors(of).items()} for of in gram]
    merged = merging_with_regmean_weights(weights, grams, scale)
    return {name: merged[name].numpy().reshape(shape) for name, shape in SHAPES.items()}


golden = {}
for at in range(MODELS):
    for kind, of in [("model", models), ("fisher", fisher), ("gram", gram)]:
        golden |= {f"{kind}/{at}/{name}": values for name, values in of[at].items()}
fisher_merged, regmean_merged = by_fisher(), by_regmean(0.9)
for name in SHAPES:
    golden[f"merged/fisher/1e-30/{name}"] = fisher_merged[name]
    golden[f"merged/fisher/0.1/{name}"] = by_floored_fisher(name, 0.1)
    golden[f"merged/regmean/1/{name}"] = by_least_squares(name)
    golden[f"merged/regmean/0.9/{name}"] = regmean_merged[name]
golden = {name: np.ascontiguousarray(values) for name, values in golden.items()}
save_file(golden, pathlib.Path(__file__).parent / "golden.safetensors")
