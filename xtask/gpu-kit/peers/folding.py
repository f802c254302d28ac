"""BatchNorm folded into convolutions, and convolutions that apply the ReLU after them."""

import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse


def fold(model: nn.Module) -> nn.Module | None:
    """Return a traced network with BatchNorm folded; nothing for a network without convolutions to trace.

    VGG's classifier looks at the size of its input, which cannot be traced, so only its trunk is.
    """
    if not any(isinstance(module, nn.ReLU) for module in model.modules()):
        return None
    if trunk := getattr(model, "features", None):
        model.features = fuse(trunk)
        return model
    return fuse(model)


def join_relu(model: nn.Module | None) -> nn.Module | None:
    """Replace each convolution that only a ReLU follows by one operation of cuDNN."""
    if model is None:
        return None
    if isinstance(trunk := getattr(model, "features", None), fx.GraphModule):
        model.features = join_in(trunk)
        return model
    return join_in(model)


def join_in(traced: fx.GraphModule) -> fx.GraphModule:
    """Join the operations of a traced network."""
    graph, modules = traced.graph, dict(traced.named_modules())
    is_a = lambda node, kind: node.op == "call_module" and isinstance(modules[node.target], kind)  # noqa: E731
    for node in [node for node in graph.nodes if is_a(node, nn.Identity)]:
        node.replace_all_uses_with(node.args[0])
        graph.erase_node(node)
    joined = 0
    for node in [node for node in graph.nodes if is_a(node, nn.ReLU)]:
        before = node.args[0]
        if not is_a(before, nn.Conv2d) or len(before.users) != 1 or modules[before.target].bias is None:
            continue
        layer = modules[before.target]
        with graph.inserting_before(before):
            weight, bias = [graph.get_attr(f"{before.target}.{name}") for name in ("weight", "bias")]
            rest = (list(layer.stride), list(layer.padding), list(layer.dilation), layer.groups)
            both = graph.call_function(torch.cudnn_convolution_relu, (before.args[0], weight, bias, *rest))
        node.replace_all_uses_with(both)
        graph.erase_node(node)
        graph.erase_node(before)
        joined += 1
    if joined == 0:
        raise RuntimeError("found no convolution with a ReLU after it")
    graph.lint()
    traced.recompile()
    return traced
