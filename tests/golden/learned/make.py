"""Write golden.safetensors: learned soups of small networks, by PyTorch.

    python make.py        # torch 2.11, safetensors 0.8

The models are fine-tuned from one start, in 64-bit floats. Coefficients are fitted as in the code of
"Model soups" (Wortsman et al. 2022, appendix I): AdamW on the parameters of a softmax over the
models, from equal ones, through the merged network. It differs from that code in two points, as
ff-soup does: a row of coefficients belongs to a module and not to a tensor, and the logarithm of the
factor of the logits is fitted. For the hyperplane (Li et al. 2024) the softmax is replaced by
1/K + (z - mean(z))/K. Gradients are autograd's. The coefficients in the file are those of the step
after which the loss is the lowest; the losses are those before the first and after each step.
"""

import pathlib

import torch
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
MODELS, STEPS, RATE = 4, 30, 0.05
LAYERS = ["first", "second"]
CASES = {
    "simplex-layer": dict(rule="simplex", rows=2, temperature=True, decay=0.0),
    "simplex-model": dict(rule="simplex", rows=1, temperature=False, decay=0.0),
    "simplex-decay": dict(rule="simplex", rows=2, temperature=False, decay=0.3),
    "hyperplane-layer": dict(rule="hyperplane", rows=2, temperature=True, decay=0.0),
    "hyperplane-decay": dict(rule="hyperplane", rows=1, temperature=False, decay=0.3),
}


def logits(weights, features):
    hidden = torch.tanh(features @ weights["first.weight"].T + weights["first.bias"])
    return hidden @ weights["second.weight"].T + weights["second.bias"]


def data(count, generator):
    features = torch.randn(count, 4, generator=generator)
    scores = torch.stack([features[:, 0], features[:, 1] * features[:, 2], -features[:, 0] + features[:, 3]], 1)
    noise = 0.7 * torch.randn(count, 3, generator=generator)
    return features, (scores + noise).argmax(1)


def fine_tune(start, features, targets, rate, steps):
    weights = {name: value.clone().requires_grad_() for name, value in start.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits(weights, features), targets).backward()
        optimizer.step()
    return {name: value.detach().clone() for name, value in weights.items()}


def fit(models, features, targets, rule, rows, temperature, decay):
    z = torch.full((rows, len(models)), 1 / len(models)) if rule == "simplex" else torch.zeros(rows, len(models))
    z.requires_grad_()
    log_temperature = torch.zeros(1, requires_grad=True)
    groups = [{"params": [z], "weight_decay": decay}, {"params": [log_temperature], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups if temperature else groups[:1], lr=RATE)

    def coefficients():
        if rule == "simplex":
            return torch.softmax(z, dim=1)
        return 1 / len(models) + (z - z.mean(dim=1, keepdim=True)) / len(models)

    def loss():
        rows_of = coefficients()
        row = lambda name: rows_of[LAYERS.index(name.split(".")[0]) % rows]
        merged = {n: sum(a * model[n] for a, model in zip(row(n), models)) for n in models[0]}
        return torch.nn.functional.cross_entropy(logits(merged, features) / log_temperature.exp(), targets)

    losses, lowest = [loss().item()], None
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        losses.append(loss().item())
        if losses[-1] < min(losses[:-1]):
            lowest = (step, coefficients().detach().clone(), log_temperature.exp().detach().clone())
    return *lowest, torch.tensor(losses)


generator = torch.Generator().manual_seed(1)
shapes = {"first.weight": (5, 4), "first.bias": (5,), "second.weight": (3, 5), "second.bias": (3,)}
start = {name: 0.5 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
start = fine_tune(start, *data(60, generator), rate=0.03, steps=60)
rates = [0.003, 0.02, 0.05, 0.15]
models = [fine_tune(start, *data(25, generator), rate=rate, steps=40) for rate in rates]
features, targets = data(60, generator)

out = {"features": features, "targets": targets}
out |= {f"model/{k}/{name}": value for k, model in enumerate(models) for name, value in model.items()}
for case, settings in CASES.items():
    step, coefficients, temperature, losses = fit(models, features, targets, **settings)
    out |= {f"{case}/coefficients": coefficients, f"{case}/temperature": temperature, f"{case}/losses": losses}
    print(case, step, coefficients.tolist(), temperature.item(), losses[0].item(), losses[step].item())
save_file({name: value.contiguous() for name, value in out.items()}, pathlib.Path(__file__).with_name("golden.safetensors"))
