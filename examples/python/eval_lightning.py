"""Prints minus the validation loss of a Lightning module: python eval_lightning.py WEIGHTS DATA"""
import sys

import lightning
import safetensors.torch
import torch
from torchvision import transforms
from torchvision.datasets import ImageFolder
from torchvision.models import resnet18


class Classifier(lightning.LightningModule):
    """Your module, as it was trained."""

    def __init__(self, classes):
        super().__init__()
        self.model = resnet18(num_classes=classes)

    def validation_step(self, batch, _):
        images, targets = batch
        self.log("val_loss", torch.nn.functional.cross_entropy(self.model(images), targets))


weights, data = sys.argv[1:]
normalize = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
steps = [transforms.Resize((64, 64)), transforms.ToTensor(), normalize]
images = ImageFolder(data, transforms.Compose(steps))
loader = torch.utils.data.DataLoader(images, batch_size=64, num_workers=2)
module = Classifier(len(images.classes))
if weights.endswith(".safetensors"):
    module.load_state_dict(safetensors.torch.load_file(weights))
else:
    module.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["state_dict"])

trainer = lightning.Trainer(devices=1, logger=False, enable_progress_bar=False, enable_checkpointing=False)
[metrics] = trainer.validate(module, loader, verbose=False)
print(-metrics["val_loss"])  # higher is better
