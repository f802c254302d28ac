"""Images per second of a training step in PyTorch: forward, cross-entropy, backward, AdamW."""

import json

import torch
from arguments import parser
from networks import CLASSES, create, images, seconds_each, settle


def main() -> None:
    """Measure, and print one line of JSON."""
    options = parser(__doc__)
    options.add_argument("--compile", action="store_true")
    given = options.parse_args()
    torch.manual_seed(0)
    settle(given.precision)
    device = given.device
    model = create(given.arch, given.image_size).to(device, memory_format=torch.channels_last).train()
    inputs = images(given.batch, given.image_size, device)
    targets = torch.randint(0, CLASSES, (given.batch,), device=device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    forward = torch.compile(model) if given.compile else model

    def step() -> None:
        with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=given.precision == "bf16"):
            loss = torch.nn.functional.cross_entropy(forward(inputs), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    seconds = seconds_each(step, device, given.iters, given.warmup)
    found = {"images_per_s": given.batch / seconds, "ms_per_step": 1000 * seconds}
    print(json.dumps({**found, "torch": torch.__version__}))


main()
