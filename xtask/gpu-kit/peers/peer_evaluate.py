"""Images per second of forward passes in PyTorch: eager, with BatchNorm folded, with joint ReLUs."""

import copy
import json

import torch
from arguments import parser
from folding import fold, join_relu
from networks import create, images, seconds_each, settle


def main() -> None:
    """Measure the variants, and print one line of JSON. A variant that does not apply has none."""
    given = parser(__doc__).parse_args()
    torch.manual_seed(0)
    settle(given.precision)
    device, in_bf16 = given.device, given.precision == "bf16"
    model = create(given.arch, given.image_size).eval()
    inputs = images(given.batch, given.image_size, device)
    found: dict[str, float | None] = {}
    errors: dict[str, str] = {}

    def measure(network: torch.nn.Module, weights_in_bf16: bool) -> float:
        dtype = torch.bfloat16 if weights_in_bf16 else torch.float32
        network = network.to(device, dtype, memory_format=torch.channels_last)
        batch = inputs.to(dtype)

        def step() -> None:
            casts = in_bf16 and not weights_in_bf16
            with torch.inference_mode(), torch.autocast(torch.device(device).type, torch.bfloat16, enabled=casts):
                network(batch)

        return given.batch / seconds_each(step, device, given.iters, given.warmup)

    found["eager"] = measure(copy.deepcopy(model), weights_in_bf16=False)
    for name, change in [("folded", fold), ("folded_relu", lambda network: join_relu(fold(network)))]:
        try:
            changed = change(copy.deepcopy(model))
            found[name] = None if changed is None else measure(changed, weights_in_bf16=in_bf16)
        except Exception as error:  # noqa: BLE001: a variant that PyTorch cannot run is a remark
            lines = str(error).strip().splitlines()
            errors[name] = lines[0][:200] if lines else type(error).__name__
    print(json.dumps({**found, "errors": errors, "torch": torch.__version__}))


main()
