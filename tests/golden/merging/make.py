"""Write three small models, their base, and merges of them by mergekit: the files beside it.

    python make.py        # mergekit 0.1.5, torch 2.15, safetensors 0.8, blake3 1.0

mergekit's own methods are called tensor by tensor, since it merges whole models only of
architectures that it knows. `expected.safetensors` has the results as "CASE/TENSOR". Three parts
follow the papers where mergekit does not:

- TIES: where the kept changes of an element add up to 0, no sign is elected, and the element is
  the base's. mergekit elects plus.
- Model Stock: a mean cosine below 0 counts as 0. mergekit goes beyond the base.
- DARE: what is left is divided by 1 - p, and `ties` averages. mergekit scales what is left of a
  tensor to its sum of magnitudes, and adds. Its options and weights turn both off.

DARE's mask is that of ff-soup, computed here by BLAKE3 and ChaCha8 and given to mergekit in place
of torch.bernoulli. Of equal magnitudes TIES keeps the first: mergekit leaves the order to
torch.argsort, which is told to be stable.
"""
import functools
import pathlib
import struct
from unittest import mock

import numpy as np
import torch
from blake3 import blake3
from mergekit.merge_methods import registry
from mergekit.merge_methods.base import TensorGroup
from mergekit.sparsify import SparsificationMethod, sparsify
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent
MODELS = ["a", "b", "c"]
SHAPES = {
    "conv.weight": (8, 3, 3, 3),
    "conv.bias": (8,),
    "bn.weight": (8,),
    "bn.bias": (8,),
    "bn.running_mean": (8,),
    "bn.running_var": (8,),
    "steps.weight": (8, 8),
    "fc.weight": (5, 40),
    "fc.bias": (5,),
}
STATISTICS = ["bn.running_mean", "bn.running_var"]

torch.manual_seed(0)
base = {name: torch.randn(shape) for name, shape in SHAPES.items()}
base["bn.running_var"] = 0.5 + torch.rand(8)
common = {name: torch.randn(shape) for name, shape in SHAPES.items()}
models = {}
for at, model in enumerate(MODELS):
    models[model] = {
        name: base[name] + 0.2 * common[name] + 0.1 * (at + 1) * torch.randn(shape)
        for name, shape in SHAPES.items()
    }
    models[model]["bn.running_var"] = 0.5 + torch.rand(8)
    # Changes in eighths: many are equal, and many sums are 0.
    models[model]["steps.weight"] = torch.randint(-3, 4, (8, 8)) / 8
base["steps.weight"] = torch.randint(-8, 9, (8, 8)) / 8
for model in MODELS:
    models[model]["steps.weight"] += base["steps.weight"]
# Models that oppose each other, and one that did not change a tensor.
models["b"]["fc.weight"] = 2 * base["fc.weight"] - models["a"]["fc.weight"] + 0.05 * torch.randn(5, 40)
models["b"]["fc.bias"] = base["fc.bias"].clone()


def group(name, with_base=True):
    tensors = [base[name]] * with_base + [models[model][name] for model in MODELS]
    return TensorGroup.from_tensors(tensors, base_index=0 if with_base else None, name=name)


def run(method, group, **parameters):
    return registry.get(method)([group], parameters=parameters)[0]


def linear(name, weights, with_base=False):
    return run("linear", group(name, with_base), weight=weights, normalize=False)


def mean(name):
    return run("linear", group(name, False), weight=1.0, normalize=True)


def changes(name):
    return [models[model][name] - base[name] for model in MODELS]


def where_a_sign_is_elected(name, kept, result):
    return torch.where(sum(kept) == 0, base[name], result)


@mock.patch("torch.argsort", functools.partial(torch.argsort, stable=True))
def ties(name, density, factor):
    kept = [sparsify(change, density, SparsificationMethod.magnitude) for change in changes(name)]
    result = run("ties", group(name), weight=1.0, density=density, **{"lambda": factor})
    return where_a_sign_is_elected(name, kept, result)


def stock(name):
    flat = [change.flatten().double() for change in changes(name)]
    pairs = [(0, 1), (0, 2), (1, 2)]
    norms = [change.norm() for change in flat]
    cosines = [flat[i] @ flat[j] / (norms[i] * norms[j]).clamp(min=1e-6) for i, j in pairs]
    result = run("model_stock", group(name))
    return base[name] if sum(cosines) < 0 else result


def chacha8(key, count):
    """Return the first `count` 32-bit words of ChaCha8's stream 0."""
    blocks = -(-count // 16)
    start = np.zeros((16, blocks), np.uint32)
    start[:4] = np.frombuffer(b"expand 32-byte k", "<u4")[:, None]
    start[4:12] = np.frombuffer(key, "<u4")[:, None]
    start[12] = np.arange(blocks)
    words = start.copy()

    def add_rotate(a, b, d, turn):
        words[a] += words[b]
        words[d] ^= words[a]
        words[d] = words[d] << np.uint32(turn) | words[d] >> np.uint32(32 - turn)

    rounds = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15)]
    rounds += [(0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for a, b, c, d in rounds * 4:
        add_rotate(a, b, d, 16)
        add_rotate(c, d, b, 12)
        add_rotate(a, b, d, 8)
        add_rotate(c, d, b, 7)
    return (words + start).T.flatten()[:count]


def masks(name, drop, seed):
    purpose = f"dare {name}".encode()
    count = base[name].numel()
    for model in range(len(MODELS)):
        key = blake3(struct.pack("<QQ", seed, len(purpose)) + purpose + struct.pack("<Q", model)).digest()
        kept = chacha8(key, count) >= drop * 2**32
        yield torch.from_numpy(kept).float().reshape(base[name].shape)


def dare(name, method, drop, factor, seed):
    kept = [change * mask for change, mask in zip(changes(name), masks(name, drop, seed))]
    given = masks(name, drop, seed)
    parameters = {"weight": 1.0, "density": 1 - drop, "rescale": False, "lambda": factor / (1 - drop)}
    with mock.patch("torch.bernoulli", lambda probabilities: next(given)):
        if method == "dare_linear":
            return run(method, group(name), **parameters)
        return where_a_sign_is_elected(name, kept, run(method, group(name), normalize=True, **parameters))


on_weights = {
    "task-arithmetic": lambda name: run("task_arithmetic", group(name), weight=1.0, **{"lambda": 0.4}),
    "stock": stock,
    "ties": lambda name: ties(name, 0.2, 1.0),
    "ties-dense": lambda name: ties(name, 0.7, 0.6),
    "dare": lambda name: dare(name, "dare_linear", 0.4, 0.5, 3),
    "dare-ties": lambda name: dare(name, "dare_ties", 0.75, 0.8, 3),
}
expected = {}
for name in SHAPES:
    expected[f"linear/{name}"] = linear(name, [0.5, -0.2, 0.6])
    by_layer = [0.1, 0.2, 0.7] if name.startswith("fc.") else [0.4, 0.5, 0.0]
    expected[f"linear-by-layer/{name}"] = linear(name, by_layer)
    expected[f"line/{name}"] = linear(name, [0.7, 0.1, 0.1, 0.1], with_base=True)
    for case, merge in on_weights.items():
        expected[f"{case}/{name}"] = mean(name) if name in STATISTICS else merge(name)

for steps, (file, tensors) in enumerate({"base": base, **models}.items()):
    tensors["bn.num_batches_tracked"] = torch.tensor(100 * steps)
    save_file(tensors, HERE / f"{file}.safetensors")
save_file({name: tensor.contiguous() for name, tensor in expected.items()}, HERE / "expected.safetensors")
