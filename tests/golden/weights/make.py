"""Weights of a tiny model in the forms in which PyTorch's users have them: python make.py

Needs torch 2.11 and safetensors. expected.safetensors has the tensors of all of them.
"""

import argparse
import copy
import pathlib

import torch
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(3)


torch.manual_seed(0)
model = Tiny()
for buffer in (model.norm.running_mean, model.norm.running_var):
    buffer.uniform_(0.5, 1)
model.norm.num_batches_tracked.fill_(7)
state = model.state_dict()
save_file({name: tensor.contiguous() for name, tensor in state.items()}, FOLDER / "expected.safetensors")

torch.save(state, FOLDER / "bare.pth")
torch.save(state, FOLDER / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(state, FOLDER / "protocol4.pth", pickle_protocol=4)

optimizer = torch.optim.AdamW(model.parameters())
for parameter in model.parameters():
    parameter.grad = torch.ones_like(parameter)
frozen = copy.deepcopy(state)
optimizer.step()
training = {
    "epoch": 3,
    "args": argparse.Namespace(lr=1e-3, output=pathlib.Path("out")),
    "optimizer": optimizer.state_dict(),
    "state_dict": frozen,
    "state_dict_ema": {name: tensor * 0 for name, tensor in frozen.items()},
    "best": torch.tensor(0.5),
}
torch.save(training, FOLDER / "training.pth.tar")
torch.save(training, FOLDER / "training_legacy.pth.tar", _use_new_zipfile_serialization=False)

model.load_state_dict(frozen)
torch.save({"model": model, "epoch": 1}, FOLDER / "whole.pt")
torch.save(model.to(memory_format=torch.channels_last).state_dict(), FOLDER / "channels_last.pth")

flat = torch.cat([tensor.flatten().float() for tensor in frozen.values()])
views, start = {}, 0
for name, tensor in frozen.items():
    views[name] = flat[start : start + tensor.numel()].view(tensor.shape)
    start += tensor.numel()
views["norm.num_batches_tracked"] = frozen["norm.num_batches_tracked"]
torch.save(views, FOLDER / "views.pth")

torch.save({"a": torch.arange(3).to(torch.bfloat16), "b": torch.arange(3).to(torch.float8_e4m3fn), "c": torch.tensor(True)}, FOLDER / "types.pth")
torch.save({"a": torch.zeros(1).expand(1000)}, FOLDER / "expanded.pth")
torch.save({"a": torch.eye(2).to_sparse()}, FOLDER / "sparse.pth")
torch.jit.script(torch.nn.Linear(1, 1)).save(str(FOLDER / "script.pt"))
