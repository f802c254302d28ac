"""Write golden.json: FGG's learning rates by FissionFusion's formula (section 2), others by PyTorch.

    python make.py        # torch 2.11
"""
import json
import pathlib

import torch

A1, A2, STEPS = 1e-5, 1e-8, 5


def alpha(i, c):
    t = ((i - 1) % c + 1) / c
    return A2 * 2 * t + A1 * (1 - 2 * t) if t <= 0.5 else A1 * (2 * t - 1) + A2 * (2 - 2 * t)


cycle = 4 * STEPS
rates = {
    # From t = 0, as in the formula.
    "fgg_from_zero": [alpha(i, cycle) for i in range(1, 17 * STEPS + 1)],
    # From a quarter of a cycle, as in the authors' code.
    "fgg_from_a_quarter": [alpha(i + cycle // 4, cycle) for i in range(1, 17 * STEPS + 1)],
}
optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=50)
rates["cosine"] = []
for _ in range(50):
    rates["cosine"] += [optimizer.param_groups[0]["lr"]] * STEPS
    optimizer.step()
    scheduler.step()

def per_epoch(make, losses):
    """Return one rate per epoch: `losses[e]` is the validation loss at the end of epoch e."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)
    scheduler = make(optimizer)
    rates = []
    for loss in losses:
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step(*([loss] if isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau) else []))
    return rates


# InMerge: milestones at half and three quarters of 20 and of 5 epochs; 40 epochs in which stages
# end after 8 epochs without a lower loss.
multi_step = torch.optim.lr_scheduler.MultiStepLR
rates["multi_step_20"] = per_epoch(lambda o: multi_step(o, [10, 15], gamma=0.1), [0.0] * 20)
rates["multi_step_5"] = per_epoch(lambda o: multi_step(o, [2, 3], gamma=0.1), [0.0] * 5)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
rates["losses"] = [1 / (1 + e) if e < 9 else 0.11 + 0.01 * (e % 3) - (0.02 if e == 25 else 0) for e in range(40)]
rates["staged"] = per_epoch(lambda o: plateau(o, factor=0.1, patience=7, threshold=0, min_lr=0, eps=0), rates["losses"])
text = json.dumps({"steps_per_epoch": STEPS, **rates}, indent=0)
pathlib.Path(__file__).with_name("golden.json").write_text(text + "\n")
