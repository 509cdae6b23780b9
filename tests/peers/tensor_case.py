"""What the scripts of the tensor crate share: leaves, and PyTorch's gradients for a drawn upstream gradient."""

import torch


def numbers(*shape, scale=2.0):
    return (torch.randn(*shape) * scale).requires_grad_()


def short(*shape, low=-2.0, high=2.0):
    """Distinct numbers that need few digits, in single precision."""
    count = 1
    for size in shape:
        count *= size
    steps = torch.randperm(max(count * 3, 512))[:count]
    values = low + (high - low) * (steps + 0.5) / max(count * 3, 512)
    return torch.tensor([round(x, 4) for x in values.tolist()]).reshape(shape).requires_grad_()


def flat(tensor):
    """Values in single precision with the digits that it has."""
    return [float(f"{x:.9g}") for x in tensor.detach().flatten().tolist()]


def case(value, upstream_seed, **leaves):
    """The value and the gradients of its leaves for a drawn upstream gradient."""
    torch.manual_seed(upstream_seed)
    upstream = torch.randn(value.shape).to(value.dtype) if value.dim() else torch.ones_like(value)
    gradients = torch.autograd.grad(value, list(leaves.values()), upstream)
    return {
        "value": flat(value),
        "upstream": flat(upstream),
        "shapes": {name: list(leaf.shape) for name, leaf in leaves.items()},
        "leaves": {name: flat(leaf) for name, leaf in leaves.items()},
        "gradients": {name: flat(gradient) for name, gradient in zip(leaves, gradients)},
    }
