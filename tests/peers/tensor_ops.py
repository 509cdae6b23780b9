"""Makes tests/fixtures/tensor_ops.json: PyTorch's elementwise functions, reductions, products and indexing with gradients.

`python tests/peers/tensor_ops.py`
"""

import torch
import torch.nn.functional as F

from tensor_case import case, flat, short
from text_crate import write_fixture


def make(name, function, leaves, **arguments):
    """A case whose value is computed in double precision."""
    value = function(*(leaf.double() for leaf in leaves))
    return {"op": name, **arguments, **case(value, 1, **{f"x{place}": leaf for place, leaf in enumerate(leaves)})}


def without_gradient(name, value, leaves, **arguments):
    """A case of an op that gives integers or truth values."""
    return {
        "op": name, **arguments, "value": flat(value.float()), "upstream": None, "gradients": None,
        "shapes": {f"x{place}": list(leaf.shape) for place, leaf in enumerate(leaves)},
        "leaves": {f"x{place}": flat(leaf) for place, leaf in enumerate(leaves)},
    }


def unary():
    everywhere = {
        "exp": torch.exp, "abs": torch.abs, "square": torch.square, "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh,
        "sigmoid": torch.sigmoid, "relu": torch.relu, "gelu": F.gelu, "silu": F.silu, "neg": torch.neg,
        "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "clamp": lambda x: x.clamp(-1.5, 0.7),
        "power 3": lambda x: x**3, "affine": lambda x: 2.5 * x - 0.75,
    }
    positive = {"log": torch.log, "sqrt": torch.sqrt, "reciprocal": torch.reciprocal, "power 1.5": lambda x: x**1.5}
    for name, function in everywhere.items():
        yield make(name, function, [short(3, 5, low=-5, high=5)])
    for name, function in positive.items():
        yield make(name, function, [short(3, 5, low=0.2, high=4)])


def binary():
    functions = {
        "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "maximum": torch.maximum,
        "minimum": torch.minimum,
    }
    for name, function in functions.items():
        for shapes in ([[2, 3], [2, 3]], [[2, 1, 3], [4, 1]], [[3], [2, 3]]):
            a, b = (short(*shape, low=low, high=high) for shape, low, high in zip(shapes, (-2, 0.3), (2, 2.4)))
            yield make(name, function, [a, b])
    a, b = (torch.randint(-2, 3, shape).float() for shape in ([3, 4], [4]))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        yield without_gradient(name, getattr(torch, name)(a, b), [a, b])
    mask = torch.rand(3, 4) < 0.5
    other = torch.rand(4) < 0.5
    for name in ("logical_and", "logical_or"):
        yield without_gradient(name, getattr(torch, name)(mask, other), [mask.float(), other.float()])
    yield without_gradient("logical_not", ~mask, [mask.float()])
    yield make("where", lambda a, b: torch.where(mask, a, b), [short(3, 4), short(1, 4)], mask=mask.flatten().tolist(), mask_shape=[3, 4])
    yield make("masked_fill", lambda a: a.masked_fill(mask, 7.0), [short(3, 4)], mask=mask.flatten().tolist(), mask_shape=[3, 4])


def reductions():
    functions = {
        "sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin, "logsumexp": torch.logsumexp,
        "norm": lambda x, axes: torch.linalg.vector_norm(x, dim=axes),
    }
    for name, function in functions.items():
        for shape, axes in (([3, 5], [1]), ([3, 5], [0]), ([2, 3, 2, 2], [0, 2]), ([2, 3], [0, 1]), ([2, 70], [1])):
            yield make(name, lambda x: function(x, axes), [short(*shape)], axes=axes)
    for name in ("argmax", "argmin"):
        for axis in (0, 1):
            x = torch.randint(0, 50, [4, 7]).float()
            yield without_gradient(name, getattr(torch, name)(x, axis), [x], axis=axis)


def products():
    for shapes in ([[3, 4], [4, 5]], [[2, 3, 4], [2, 4, 5]], [[2, 1, 3, 4], [3, 4, 2]], [[2, 3, 4], [4, 5]]):
        yield make("matmul", torch.matmul, [short(*shape) for shape in shapes])
        turned = [[*shape[:-2], shape[-1], shape[-2]] for shape in shapes]
        for name, left, right in (("left", 1, 0), ("right", 0, 1), ("both", 1, 1)):
            operands = [short(*(turned if flip else shapes)[place]) for place, flip in enumerate((left, right))]

            def product(a, b):
                return torch.matmul(a.mT if left else a, b.mT if right else b)

            yield make(f"matmul transposed {name}", product, operands)
    activations = {
        "none": lambda x: x, "relu": torch.relu, "gelu": F.gelu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
        "tanh": torch.tanh, "sigmoid": torch.sigmoid,
    }
    for name, function in activations.items():
        leaves = [short(2, 3, 4), short(5, 4), short(5)]
        yield make("linear", lambda x, w, b: function(F.linear(x, w, b)), leaves, activation=name)
    yield make("linear", F.linear, [short(3, 4), short(5, 4)], activation="none")


def rows():
    for axis in (0, 1, 2):
        yield make("softmax", lambda x: F.softmax(x, axis), [short(2, 5, 3, low=-6, high=6)], axis=axis)
    yield make("softmax", lambda x: F.softmax(x, 1), [short(2, 40)], axis=1)
    for shape in ([4, 6], [2, 3, 33]):
        leaves = [short(*shape), short(shape[-1]), short(shape[-1])]
        yield make("layer_norm", lambda x, w, b: F.layer_norm(x, shape[-1:], w, b, 1e-5), leaves)


def indexing():
    def indices(size, *shape):
        return torch.randint(0, size, shape)

    for shape, axis, taken in (([4, 3], 0, 6), ([2, 5, 3], 1, 4)):
        at = indices(shape[axis], taken)
        yield make("index_select", lambda x: x.index_select(axis, at), [short(*shape)], axis=axis, indices=at.tolist())
    for shape, axis, places in (([4, 3], 0, [2, 3]), ([4, 3], 1, [4, 5]), ([2, 5, 3], 1, [2, 7, 3])):
        at = indices(shape[axis], *places)
        extra = {"axis": axis, "indices": at.flatten().tolist(), "indices_shape": places}
        yield make("gather", lambda x: x.gather(axis, at), [short(*shape)], **extra)
        yield make("scatter_add", lambda x, y: x.scatter_add(axis, at, y), [short(*shape), short(*places)], **extra)
    yield make("concat", lambda *x: torch.cat(x, 1), [short(2, 3), short(2, 1), short(2, 4)], axis=1)
    yield make("stack", lambda *x: torch.stack(x, 1), [short(2, 3), short(2, 3)], axis=1)
    yield make("narrow", lambda x: x.narrow(1, 2, 3), [short(2, 6, 2)], axis=1, start=2, count=3)
    yield make("pad", lambda x: F.pad(x, (0, 0, 2, 1), value=0.5), [short(2, 3, 2)], axis=1, before=2, after=1, value_outside=0.5)
    yield make("permute", lambda x: x.permute(2, 0, 1).reshape(4, 6), [short(2, 3, 4)], axes=[2, 0, 1], to=[4, 6])
    yield make("broadcast_to", lambda x: x.broadcast_to(4, 2, 3), [short(2, 1)], to=[4, 2, 3])


def types():
    x = torch.cat([short(40, low=-300, high=300).detach(), torch.tensor([1e-7, -6e-5, 0.0, 65504.0, 1 / 3, 1.00390625])])
    for name, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        yield without_gradient(f"cast {name}", x.to(dtype), [x])
    yield without_gradient("cast i32", x[:40].to(torch.int32), [x[:40]])


def main():
    torch.manual_seed(17)
    groups = (unary, binary, reductions, products, rows, indexing, types)
    write_fixture("tensor_ops", {group.__name__: list(group()) for group in groups})


if __name__ == "__main__":
    main()
