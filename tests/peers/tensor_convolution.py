"""Makes tests/fixtures/tensor_convolution.json: PyTorch's convolutions in double precision with their gradients.

`python tests/peers/tensor_convolution.py`
"""

import torch
import torch.nn.functional as F

from tensor_case import case, short
from text_crate import write_fixture


def convolution_case(x, weight, stride, padding, dilation, groups, biased):
    leaves = {"x": short(*x), "weight": short(*weight)}
    if biased:
        leaves["bias"] = short(weight[0])
    wide = [leaf.double() for leaf in leaves.values()]
    convolve = F.conv1d if len(x) == 3 else F.conv2d
    result = convolve(*wide, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return {
        "stride": stride, "padding": padding, "dilation": dilation, "groups": groups, **case(result, 1, **leaves),
    }


def main():
    torch.manual_seed(13)
    write_fixture("tensor_convolution", {
        "conv1d": [
            convolution_case([2, 3, 7], [4, 3, 3], [1], [0], [1], 1, True),
            convolution_case([2, 2, 9], [3, 2, 4], [2], [3], [1], 1, False),
            convolution_case([1, 4, 11], [6, 2, 3], [2], [1], [2], 2, True),
            convolution_case([2, 3, 6], [3, 1, 5], [1], [2], [1], 3, True),
        ],
        "conv2d": [
            convolution_case([2, 3, 5, 6], [4, 3, 3, 2], [1, 1], [0, 0], [1, 1], 1, True),
            convolution_case([1, 2, 7, 6], [3, 2, 3, 3], [2, 3], [1, 2], [1, 1], 1, False),
            convolution_case([2, 4, 5, 5], [6, 2, 2, 3], [1, 2], [1, 0], [2, 1], 2, True),
            convolution_case([1, 4, 4, 6], [4, 1, 3, 3], [1, 1], [1, 1], [1, 1], 4, True),
            convolution_case([2, 2, 1, 1], [3, 2, 1, 1], [1, 1], [0, 0], [1, 1], 1, True),
        ],
    })


if __name__ == "__main__":
    main()
