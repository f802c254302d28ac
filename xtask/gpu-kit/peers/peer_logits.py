"""Weights, inputs and logits of a timm network, for a comparison with ours."""

import json
from pathlib import Path

import torch
from arguments import parser
from networks import create, settle
from safetensors.torch import save_file


def perturb(model: torch.nn.Module) -> None:
    """Give every BatchNorm statistics and gains of its own, and every zero tensor values."""
    source = torch.Generator().manual_seed(1)
    uniform = lambda like: torch.rand(like.shape, generator=source)  # noqa: E731
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(0.5 + uniform(tensor))
        elif name.endswith("running_mean"):
            tensor.copy_(0.2 * uniform(tensor) - 0.1)
        elif name.endswith("weight") and not tensor.any():
            # The gain of a block's last BatchNorm, with which the block would do nothing.
            tensor.copy_(0.5 + uniform(tensor))
        elif tensor.is_floating_point() and tensor.ndim == 1:
            tensor.add_(0.2 * uniform(tensor) - 0.1)
        elif tensor.is_floating_point() and not tensor.any():
            tensor.copy_(0.02 * uniform(tensor) - 0.01)


def main() -> None:
    """Write the files and print one line of JSON."""
    options = parser(__doc__)
    options.add_argument("--output", type=Path, required=True)
    given = options.parse_args()
    torch.manual_seed(0)
    settle("fp32")
    model = create(given.arch, given.image_size).eval()
    with torch.no_grad():
        perturb(model)
        inputs = torch.randn(given.batch, 3, given.image_size, given.image_size)
        on_cpu = model(inputs)
        weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
        save_file(weights, given.output / "weights.safetensors")
        on_device = model.to(given.device)(inputs.to(given.device)).cpu()
    save_file({"input": inputs}, given.output / "input.safetensors")
    save_file({"cpu": on_cpu.contiguous(), "device": on_device.contiguous()}, given.output / "timm.safetensors")
    print(json.dumps({"largest": on_cpu.abs().max().item(), "torch": torch.__version__}))


main()
