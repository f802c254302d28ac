"""Merges the files of a folder by mergekit's own functions, or the way model-soups does, and prints a line of JSON.

    merging.py DIR --method ties --base BASE [--save OUT]

mergekit 0.1.5 merges models of language: its whole program wants a configuration of transformers. Its methods work
on tensors, which this script reads from mapped files one name at a time, as mergekit's own loader does. `uniform` is
the loop of model-soups: load a state dict, scale it, add it.
"""

import argparse
import glob
import json
import os
import resource
import time

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
    parser.add_argument("--method", choices=["uniform", *METHODS], default="uniform")
    parser.add_argument("--base")
    parser.add_argument("--lambda", dest="lam", type=float, default=1.0)
    parser.add_argument("--density", type=float, default=0.2)
    parser.add_argument("--save")
    options = parser.parse_args()
    files = sorted(glob.glob(os.path.join(options.dir, "[0-9]*.safetensors")))
    if options.method != "uniform":  # so that imports are not timed
        merged(options.method, torch.ones(4), [torch.arange(4.0)] * 3, 1.0, 0.5)
    start = time.perf_counter()
    if options.method == "uniform":
        result = uniform(files)
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
