"""Write runs of timm and Lightning with a model of the names and shapes of `resnet_pico`.

    python make.py        # torch 2.11, timm 1.0.31, lightning 2.6; writes timm/ and lightning/

All weights are zero, in half precision, and views of one block, so that the files are small.
"""

import argparse
import shutil
import tempfile
import warnings
from pathlib import Path

import lightning
import timm.utils
import torch
import yaml
from lightning.pytorch.core.saving import save_hparams_to_yaml

warnings.filterwarnings("ignore")
HERE = Path(__file__).parent
CLASSES = ["nevus", "melanoma", "café au lait"]


class Block(torch.nn.Module):
    def __init__(self, inputs, width):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, width, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(width)
        self.conv2 = torch.nn.Conv2d(width, width, 3, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(width)
        if inputs != width:
            shortcut = torch.nn.Conv2d(inputs, width, 1, bias=False), torch.nn.BatchNorm2d(width)
            self.downsample = torch.nn.Sequential(*shortcut)


class ResNet(torch.nn.Module):
    def __init__(self, outputs):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        self.layer1 = torch.nn.Sequential(Block(16, 16))
        self.layer2 = torch.nn.Sequential(Block(16, 32))
        self.layer3 = torch.nn.Sequential(Block(32, 80))
        self.fc = torch.nn.Linear(80, outputs)
        block = torch.zeros(80 * 80 * 9, dtype=torch.float16)
        for tensor in [*self.parameters(), *self.buffers()]:
            if tensor.is_floating_point():
                tensor.data = block[: tensor.numel()].view(tensor.shape)


class Lit(lightning.LightningModule):
    def __init__(self, backbone="resnet_pico", num_classes=3, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), options=None):
        super().__init__()
        self.save_hyperparameters()
        self.model = ResNet(num_classes)
        self.criterion = torch.nn.CrossEntropyLoss(torch.ones(num_classes))


for name in ["timm", "lightning"]:
    shutil.rmtree(HERE / name, ignore_errors=True)

# As timm's train.py saves it: the options as a namespace in the file, and beside it.
folder = HERE / "timm"
folder.mkdir()
(folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
args = argparse.Namespace(
    model="resnet_pico", num_classes=3, class_map="classes.txt", img_size=None, input_size=[3, 48, 48], mean=None,
    std=[0.5, 0.5, 0.25], model_kwargs={}, lr=1e-05, experiment="a long name of an experiment, with many words: " * 3
)
(folder / "args.yaml").write_text(yaml.safe_dump(vars(args), default_flow_style=False))
model = ResNet(3)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
with tempfile.TemporaryDirectory() as scratch:
    saver = timm.utils.CheckpointSaver(model, optimizer, args, checkpoint_dir=scratch, recovery_dir=scratch)
    saver.save_checkpoint(0, metric=0.5)
    shutil.copy(Path(scratch, "model_best.pth.tar"), folder / "model_best.pth.tar")

# As Lightning saves it.
module = Lit(options=argparse.Namespace(classes=2))
trainer = lightning.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)
trainer.strategy.connect(module)
(HERE / "lightning/checkpoints").mkdir(parents=True)
trainer.save_checkpoint(HERE / "lightning/checkpoints/epoch=0.ckpt", weights_only=True)
save_hparams_to_yaml(HERE / "lightning/hparams.yaml", {**module.hparams, "classes": CLASSES, "image_size": (40, 40)})
