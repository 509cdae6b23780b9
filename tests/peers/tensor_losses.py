"""Makes tests/fixtures/tensor_losses.json: PyTorch's losses, embedding and top-k with their gradients.

`python tests/peers/tensor_losses.py`
"""

import torch
import torch.nn.functional as F

from tensor_case import case, flat, numbers
from text_crate import write_fixture


def cross_entropy_case(rows, classes, ignore, smoothing, weighted, reduction):
    logits = numbers(rows, classes, scale=3.0)
    targets = torch.randint(0, classes, (rows,))
    targets[::ignore] = -100
    weights = torch.rand(classes) + 0.5 if weighted else None
    loss = F.cross_entropy(logits, targets, weight=weights, ignore_index=-100, label_smoothing=smoothing, reduction=reduction)
    return {
        "targets": targets.tolist(), "smoothing": smoothing, "reduction": reduction,
        "weights": flat(weights) if weighted else None, **case(loss, rows, logits=logits),
    }


def bce_case(shape, weighted, reduction):
    logits, targets = numbers(*shape, scale=4.0), torch.rand(*shape).round(decimals=1)
    weights = torch.rand(shape[-1]) * 3 + 0.5 if weighted else None
    loss = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weights, reduction=reduction)
    return {
        "targets": flat(targets), "weights": flat(weights) if weighted else None, "reduction": reduction,
        **case(loss, 1, logits=logits),
    }


def kl_case(shape, log_target, reduction):
    x, y = numbers(*shape), numbers(*shape)
    inputs = F.log_softmax(x, -1)
    target = F.log_softmax(y, -1) if log_target else F.softmax(y, -1)
    loss = F.kl_div(inputs, target, reduction=reduction, log_target=log_target)
    return {"log_target": log_target, "reduction": reduction, **case(loss, 2, x=x, y=y)}


def embedding_case(vocabulary, hidden, shape, padding):
    table = numbers(vocabulary, hidden)
    ids = torch.randint(0, vocabulary, shape)
    rows = F.embedding(ids, table, padding_idx=padding)
    return {
        "ids": ids.flatten().tolist(), "ids_shape": shape, "padding": padding,
        **case(rows, 3, table=table),
    }


def top_k_case(shape, k, axis):
    x = numbers(*shape)
    values, indices = torch.topk(x, k, dim=axis)
    return {"k": k, "axis": axis, "indices": indices.flatten().tolist(), **case(values, 4, x=x)}


def log_softmax_case(shape, axis):
    x = numbers(*shape, scale=5.0)
    return {"axis": axis, **case(F.log_softmax(x, axis), 5, x=x)}


def main():
    torch.manual_seed(7)
    write_fixture("tensor_losses", {
        "cross_entropy": [
            cross_entropy_case(6, 5, 4, 0.0, False, "mean"),
            cross_entropy_case(7, 40, 3, 0.1, False, "mean"),
            cross_entropy_case(5, 3, 2, 0.2, True, "mean"),
            cross_entropy_case(5, 9, 3, 0.1, True, "sum"),
            cross_entropy_case(4, 6, 3, 0.3, True, "none"),
        ],
        "bce_with_logits": [
            bce_case([4, 5], False, "mean"), bce_case([3, 7], True, "mean"), bce_case([2, 3], True, "none"),
        ],
        "kl_div": [
            kl_case([4, 6], False, "batchmean"), kl_case([3, 5], True, "batchmean"), kl_case([2, 4], False, "none"),
            kl_case([2, 4], True, "none"),
        ],
        "embedding": [embedding_case(9, 4, [3, 5], None), embedding_case(6, 3, [14], 2)],
        "top_k": [top_k_case([3, 17], 4, 1), top_k_case([6, 4], 3, 0)],
        "log_softmax": [log_softmax_case([3, 8], 1), log_softmax_case([5, 2, 3], 1)],
    })


if __name__ == "__main__":
    main()
