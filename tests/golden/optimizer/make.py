"""Write golden.safetensors: weights after steps of torch.optim on a small loss, from fixed starts.

    python make.py        # torch 2.11
"""
import pathlib

import torch
from safetensors.torch import save_file

SHAPES = {"conv.weight": (4, 3, 3, 3), "fc.weight": (5, 7), "fc.bias": (5,)}
CASES = {
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.01),
    "adamw-strong-decay": lambda p: torch.optim.AdamW(p, lr=1e-2, betas=(0.8, 0.99), eps=1e-3, weight_decay=0.3),
    "sgd": lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=1e-4),
    "sgd-plain": lambda p: torch.optim.SGD(p, lr=1e-2),
}

torch.manual_seed(0)
start = {name: torch.randn(shape) for name, shape in SHAPES.items()}
target = {name: torch.randn(shape) for name, shape in SHAPES.items()}
out = {f"start/{k}": v for k, v in start.items()} | {f"target/{k}": v for k, v in target.items()}
for case, make in CASES.items():
    weights = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimizer = make(list(weights.values()))
    for step in range(1, 201):
        # The learning rate changes at every step, as FGG's does.
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (1 - step / 400)
        loss = sum(((w - target[n]) ** 2).mean() + 0.3 * (3 * w).sin().mean() for n, w in weights.items())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in (1, 10, 200):
            out |= {f"{case}/{step}/{n}": w.detach().clone() for n, w in weights.items()}
save_file(out, pathlib.Path(__file__).with_name("golden.safetensors"))
