"""Weights of a tiny model as training programs save them, and files that would run code: python programs.py

Needs torch 2.11, torchvision, timm 1.0, lightning 2.6, monai 1.6 with pytorch-ignite 0.5, and
huggingface_hub. The tensors of each are those of `expected.safetensors`, which make.py made, with the
prefix `model.` in Lightning's. sharded/ and sharded_bin/ have them in three files.
"""

import argparse
import os
import pathlib
import shutil
import tempfile
import warnings

import huggingface_hub
import lightning
import numpy
import timm.optim
import timm.utils
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.handlers import CheckpointSaver
from safetensors.torch import load_file, save_file
from torchvision.transforms import InterpolationMode

warnings.filterwarnings("ignore")
FOLDER = pathlib.Path(__file__).parent
CLASSES = ["benign", "malignant", "café"]


class Tiny(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(self.conv(x)).mean((2, 3))


class Lit(lightning.LightningModule):
    def __init__(self, model_name="tiny", num_classes=3, classes=CLASSES, lr=0.0, optimizer=argparse.Namespace(name="sgd")):
        super().__init__()
        self.save_hyperparameters()
        self.model = tiny()

    def training_step(self, batch, index):
        return self.model(batch).sum()

    def on_train_end(self):
        self.model.load_state_dict(state)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr, momentum=0.9)


def tiny():
    model = Tiny()
    model.load_state_dict(state)
    return model


state = load_file(FOLDER / "expected.safetensors")

# timm's train.py, with a moving average and mixed precision. It saves its options too.
model = tiny()
options = {"model": "tiny", "num_classes": 3, "mean": None, "std": [0.5, 0.5, 0.5], "img_size": 96, "class_map": "",
           "model_kwargs": {}, "lr": 1e-05}
args = argparse.Namespace(**options, interpolation=InterpolationMode.BICUBIC, device=torch.device("cpu"), betas=(0.9, 0.99))
optimizer = timm.optim.create_optimizer_v2(model, "adamw", lr=0.0, weight_decay=0.0)
model(torch.ones(2, 2, 4, 4)).sum().backward()
optimizer.step()
model.load_state_dict(state)
average = timm.utils.ModelEmaV3(model)
with tempfile.TemporaryDirectory() as folder:
    saver = timm.utils.CheckpointSaver(
        model, optimizer, args, average, timm.utils.NativeScaler(), checkpoint_dir=folder, recovery_dir=folder
    )
    saver.save_checkpoint(4, metric=numpy.float64(0.75))
    shutil.copy(pathlib.Path(folder, "model_best.pth.tar"), FOLDER / "timm.pth.tar")

# Lightning's Trainer.
with tempfile.TemporaryDirectory() as folder:
    callback = lightning.pytorch.callbacks.ModelCheckpoint(folder, "lightning", save_on_train_epoch_end=True)
    trainer = lightning.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_progress_bar=False, enable_model_summary=False, callbacks=[callback]
    )
    trainer.fit(Lit(), torch.utils.data.DataLoader(torch.ones(2, 2, 4, 4), batch_size=2))
    trainer.save_checkpoint(FOLDER / "lightning.ckpt")

# MONAI's handler, which ignite writes with.
model = tiny()
batch = [{"image": torch.ones(2, 4, 4), "label": torch.tensor(0)}] * 2
loader = torch.utils.data.DataLoader(batch, batch_size=2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.0)
with tempfile.TemporaryDirectory() as folder:
    save = CheckpointSaver(folder, {"net": model, "opt": optimizer}, save_final=True, final_filename="monai.pt")
    restore = lambda engine: model.load_state_dict(state)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"), max_epochs=1, train_data_loader=loader, network=model, optimizer=optimizer,
        loss_function=torch.nn.CrossEntropyLoss()
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED, restore)
    save.attach(trainer)
    trainer.run()
    shutil.copy(pathlib.Path(folder, "monai.pt"), FOLDER / "monai.pt")

# torchvision's reference script.
model = tiny()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
warm_up = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=2)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)
schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warm_up, schedule], [2])
checkpoint = {
    "model": model.state_dict(),
    "optimizer": optimizer.state_dict(),
    "lr_scheduler": schedule.state_dict(),
    "epoch": 3,
    "args": argparse.Namespace(model="tiny", data_path="/data", interpolation="bilinear"),
    "model_ema": {f"module.{name}": tensor * 0 for name, tensor in state.items()},
    "scaler": torch.amp.GradScaler(enabled=False).state_dict(),
}
torch.save(checkpoint, FOLDER / "model_3.pth")

# PyTorch's tutorials.
extra = {
    "class_to_idx": {name: index for index, name in enumerate(CLASSES)},
    "idx_to_class": dict(enumerate(CLASSES)),
    "classes": tuple(CLASSES),
    "accuracy": 0.5,
    "infinite": float("inf"),
    "mixed": [1, torch.ones(1)],
    "long": "x" * 5000,
    "nothing": None,
    "nested": {"empty": {}, "tensors": {"a": torch.ones(1)}, "flag": True},
}
extra["itself"] = [extra]
torch.save({"state_dict": state, **extra}, FOLDER / "tutorial.pth")

for name, safe in [("sharded", True), ("sharded_bin", False)]:
    shutil.rmtree(FOLDER / name, ignore_errors=True)
    (FOLDER / name).mkdir()
    huggingface_hub.save_torch_state_dict(state, FOLDER / name, max_shard_size=50, safe_serialization=safe)
save_file(state, FOLDER / "described.safetensors", {"format": "pt", "arch": "tiny"})


class Call:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


for name, call in [("system", Call(os.system, "true")), ("eval", Call(eval, "1"))]:
    for legacy in [False, True]:
        file = FOLDER / f"{name}{'_legacy' if legacy else ''}.pth"
        torch.save({"state_dict": state, "args": call}, file, _use_new_zipfile_serialization=not legacy)
