"""Write golden.safetensors: greedy soups by AutoGluon and by the rule of model-soups.

    python make.py    # autogluon.multimodal 1.6.3, torch 2.11, lightning 2.6, pyyaml 6.0, safetensors 0.8

AutoGluon's own functions select and average: its loop (`top_k_average`), its loader, and
`average_checkpoints`. They are taken from its files one by one, since its packages import all of its
networks; so `pip install --no-deps autogluon.multimodal` is enough. model-soups (Wortsman et al.
2022) is a script for CLIP and ImageNet, whose rule is written out here. The rules differ:

- AutoGluon keeps a model if the score does not fall, model-soups only if it rises. Both compare with
  the soup so far.
- Of models that score the same alone, AutoGluon tries the first one first, model-soups the last.
- AutoGluon averages in 64-bit floats, from the files of all models of a candidate; model-soups
  updates a mean of 32-bit floats.

A score is minus the squared distance from a target, rounded, so that some scores are equal. The
soups are written without BatchNorm's count of batches: both average it, ff-soup keeps the first.
"""

import ast
import importlib
import logging
import operator
import os
import pathlib
import sys
import tempfile
import types
from collections import OrderedDict

import torch
import yaml
from lightning.pytorch.strategies import DeepSpeedStrategy
from safetensors.torch import save_file

MODELS = 10
OF_AUTOGLUON = {}


def own_functions_of_autogluon():
    """Fill OF_AUTOGLUON with its constants and functions, without its packages' __init__.py."""
    (root,) = importlib.import_module("autogluon").__path__
    root = pathlib.Path(root, "multimodal")
    for name, folder in {"autogluon.multimodal": root, "autogluon.multimodal.utils": root / "utils"}.items():
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]
    checkpoint = importlib.import_module("autogluon.multimodal.utils.checkpoint")
    for node in ast.parse((root / "constants.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            OF_AUTOGLUON[node.targets[0].id] = node.value.value
    OF_AUTOGLUON.update(
        average_checkpoints=recording(checkpoint.average_checkpoints), get_minmax_mode=lambda metric: "max",
        logger=logging.getLogger(), operator=operator, os=os, torch=torch, yaml=yaml,
        DeepSpeedStrategy=DeepSpeedStrategy,
    )
    learner = root / "learners" / "base.py"
    for node in ast.walk(ast.parse(learner.read_text())):
        if isinstance(node, ast.FunctionDef) and node.name in ["top_k_average", "_load_state_dict"]:
            exec(compile(ast.Module([node], []), learner, "exec"), OF_AUTOGLUON)
            setattr(Learner, node.name, OF_AUTOGLUON[node.name])


def recording(average_checkpoints):
    """Keep the names of the last average, which is the soup."""

    def average(checkpoint_paths):
        Learner.averaged = [int(pathlib.Path(path).stem) for path in checkpoint_paths]
        return average_checkpoints(checkpoint_paths)

    return average


class Learner:
    """What AutoGluon's functions read of its learner."""

    _teacher_learner = _tuning_data = _eval_metric_func = None
    _eval_metric_name = "accuracy"

    def __init__(self):
        layers = dict(conv=torch.nn.Conv2d(2, 4, 3), bn=torch.nn.BatchNorm2d(4), fc=torch.nn.Linear(4, 3))
        self._model = torch.nn.Sequential(OrderedDict(layers))

    def evaluate(self, data, metrics):
        return {metrics[0]: score(self._model.state_dict())}


def distance(weights):
    found = sum((weights[name].double() - target[name].double()).square().sum().item() for name in target)
    assert abs(found % 1 - 0.5) > 0.01, "another order of additions must not round to another score"
    return found


def score(weights):
    return -float(round(distance(weights)))


def autogluon(models):
    with tempfile.TemporaryDirectory() as folder:
        scores = {}
        for at, model in enumerate(models):
            path = os.path.join(folder, f"{at}.ckpt")
            torch.save({"state_dict": {f"model.{name}": tensor for name, tensor in model.items()}}, path)
            scores[path] = score(model)
        with open(os.path.join(folder, OF_AUTOGLUON["BEST_K_MODELS_FILE"]), "w") as file:
            yaml.safe_dump(scores, file, sort_keys=False)
        Learner().top_k_average(folder, OF_AUTOGLUON["GREEDY_SOUP"])
        soup = torch.load(os.path.join(folder, OF_AUTOGLUON["MODEL_CHECKPOINT"]), weights_only=True)
    return Learner.averaged, {n.removeprefix("model."): t for n, t in soup["state_dict"].items()}


def model_soups(models):
    ascending = sorted(range(len(models)), key=lambda at: score(models[at]))
    first, *others = reversed(ascending)
    kept, soup, best = [first], models[first], score(models[first])
    for at in others:
        old, new = len(kept) / (len(kept) + 1), 1 / (len(kept) + 1)
        candidate = {name: old * soup[name] + new * tensor for name, tensor in models[at].items()}
        if score(candidate) > best:
            kept, soup, best = [*kept, at], candidate, score(candidate)
    return kept, soup


def floats(weights):
    return {name: tensor.clone() for name, tensor in weights.items() if tensor.is_floating_point()}


torch.manual_seed(0)
target = {name: torch.randn(tensor.shape) for name, tensor in floats(Learner()._model.state_dict()).items()}
target["bn.running_var"] = 3 + torch.rand(4)
# The models have an error in common, which no average lowers, and their own.
common = {name: 0.3 * torch.randn(tensor.shape) for name, tensor in target.items()}
models = [
    {
        "bn.num_batches_tracked": torch.tensor(100 + at),
        **{n: target[n] + common[n] + (0.2 + 0.04 * (at % 5)) * torch.randn(target[n].shape) for n in target},
    }
    for at in range(MODELS)
]
own_functions_of_autogluon()
out = {f"target/{name}": tensor for name, tensor in target.items()}
out |= {f"model/{at}/{name}": tensor for at, model in enumerate(models) for name, tensor in model.items()}
picks = {}
for peer, (picks[peer], soup) in {"autogluon": autogluon(models), "model-soups": model_soups(models)}.items():
    print(peer, picks[peer], score(soup))
    out |= {f"{peer}/picks": torch.tensor(picks[peer])}
    out |= {f"{peer}/soup/{name}": tensor for name, tensor in floats(soup).items()}
print("alone", alone := [score(model) for model in models])
assert all(1 < len(picked) < MODELS for picked in picks.values())
assert picks["autogluon"] != picks["model-soups"]
assert len(set(alone)) < MODELS, "some scores are equal"
save_file(out, pathlib.Path(__file__).with_name("golden.safetensors"))
