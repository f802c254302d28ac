"""Merges the files of a folder the way mergekit, model-soups or AutoGluon does, and prints a line of JSON.

    merging.py DIR --method ties --base BASE [--save OUT]

mergekit 0.1.5 merges models of language: its whole program wants a configuration of transformers. Its methods work
on tensors, which this script reads from mapped files one name at a time, as mergekit's own loader does. `uniform` is
the loop of model-soups: load a state dict, scale it, add it.

The greedy methods make the merges of a greedy selection whose scores are given: the files are in the order of their
scores, and every second one after the first is kept. crates/ff-soup/examples/greedy_bench.rs does the same.

- `greedy` is the loop of AutoGluon 1.6.3 around its own `average_checkpoints`, which adds up the files of all models
  of a candidate in 64-bit floats. It reads pickles; here torch.load reads safetensors. Only this function is imported,
  so `pip install --no-deps autogluon.multimodal lightning lightning-utilities torchmetrics` is enough beside torch.
- `greedy-running` is the loop of model-soups, which updates a mean of 32-bit floats.

Each candidate is copied into a state dict, as a network would load it.
"""

import argparse
import glob
import importlib
import json
import os
import resource
import sys
import time
import types
from unittest import mock

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

# The words of `ff-soup merge` and the settings with which mergekit means the same.
METHODS = {
    "linear": dict(),
    "task-arithmetic": dict(name="task_arithmetic", consensus=None, sparsify=None),
    "ties": dict(name="ties", consensus="sum", sparsify="magnitude"),
    "dare": dict(name="dare_linear", consensus=None, sparsify="random"),
    "stock": dict(),
}


def uniform(files):
    soup = None
    for file in files:
        state = load_file(file)
        if soup is None:
            soup = {k: v.clone() / len(files) if v.is_floating_point() else v for k, v in state.items()}
        else:
            for k, v in state.items():
                if v.is_floating_point():
                    soup[k] += v / len(files)
    return soup


def average_checkpoints():
    """AutoGluon's function, without its packages' __init__.py, which import all of its networks."""
    (root,) = importlib.import_module("autogluon").__path__
    for name, folder in {"multimodal": "multimodal", "multimodal.utils": "multimodal/utils"}.items():
        package = sys.modules[f"autogluon.{name}"] = types.ModuleType(name)
        package.__path__ = [os.path.join(root, folder)]
    return importlib.import_module("autogluon.multimodal.utils.checkpoint").average_checkpoints


def is_kept(at):
    return at % 2 == 0


def load(network, weights):
    for name, tensor in weights.items():
        network[name].copy_(tensor)


def greedy(files):
    average, network, kept = average_checkpoints(), load_file(files[0]), [files[0]]
    with mock.patch("torch.load", lambda path, **_: {"state_dict": load_file(path)}):
        for at, file in enumerate(files[1:], start=1):
            load(network, average([*kept, file]))
            if is_kept(at):
                kept.append(file)
        load(network, average(kept))
    return network


def greedy_running(files):
    soup, network, count = load_file(files[0]), load_file(files[0]), 1
    for at, file in enumerate(files[1:], start=1):
        share = 1 / (count + 1)
        candidate = {k: (1 - share) * soup[k] + share * v for k, v in load_file(file).items()}
        load(network, candidate)
        if is_kept(at):
            soup, count = candidate, count + 1
    load(network, soup)
    return network


# The methods that read whole files.
LOOPS = {"uniform": uniform, "greedy": greedy, "greedy-running": greedy_running}


def merged(method, base, tensors, lam, density):
    """One tensor by mergekit's functions."""
    if method == "linear":
        return sum(tensors) / len(tensors)
    if method == "stock":
        from mergekit.merge_methods.model_stock import model_stock_merge_method as stock

        return stock([group(base, tensors)])[0]
    from mergekit.merge_methods.generalized_task_arithmetic import ConsensusMethod, GeneralizedTaskArithmeticMerge
    from mergekit.sparsify import SparsificationMethod

    of = METHODS[method]
    rule = GeneralizedTaskArithmeticMerge(
        consensus_method=of["consensus"] and ConsensusMethod(of["consensus"]),
        sparsification_method=of["sparsify"] and SparsificationMethod(of["sparsify"]),
        default_normalize=method == "ties",
        default_rescale=method == "dare",
        method_name=of["name"],
        method_pretty_name=None,
        method_reference_url=None,
    )
    ids = range(len(tensors))
    settings = {
        "normalize": method == "ties", "rescale": method == "dare", "int8_mask": False, "lambda": lam,
        "weight": {i: 1.0 for i in ids}, "density": {i: density for i in ids},
    }
    return rule.merge_group(group(base, tensors), **settings)


def group(base, tensors):
    """What mergekit's methods take."""
    from mergekit.merge_methods.base import TensorGroup

    return TensorGroup.from_tensors([base, *tensors], ids=["base", *range(len(tensors))], base_index=0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir")
    parser.add_argument("--method", choices=[*LOOPS, *METHODS], default="uniform")
    parser.add_argument("--base")
    parser.add_argument("--lambda", dest="lam", type=float, default=1.0)
    parser.add_argument("--density", type=float, default=0.2)
    parser.add_argument("--save")
    options = parser.parse_args()
    files = sorted(glob.glob(os.path.join(options.dir, "[0-9]*.safetensors")))
    # So that imports are not timed.
    if options.method == "greedy":
        average_checkpoints()
    elif options.method in METHODS:
        merged(options.method, torch.ones(4), [torch.arange(4.0)] * 3, 1.0, 0.5)
    start = time.perf_counter()
    if options.method in LOOPS:
        result = LOOPS[options.method](files)
    else:
        opened = [safe_open(file, "pt") for file in files]
        base = safe_open(options.base or files[0], "pt")
        result = {}
        for name in base.keys():
            first = base.get_tensor(name)
            tensors = [file.get_tensor(name) for file in opened]
            if first.is_floating_point():
                result[name] = merged(options.method, first, tensors, options.lam, options.density).contiguous()
            else:
                result[name] = tensors[0]
    out = options.save or os.path.join(options.dir, "merged.out")
    save_file(result, out)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"peer": options.method, "models": len(files), "seconds": round(seconds, 3), "peak_gb": round(peak, 2)}))


main()
