"""Makes tests/fixtures/tensor_attention.json: PyTorch's attention, text by text in double precision, with its gradients.

`python tests/peers/tensor_attention.py`
"""

import torch
import torch.nn.functional as F
from torch.nn.attention.bias import causal_lower_right

from tensor_case import case, short
from text_crate import write_fixture


def attend(q, k, v, causal, scale, bias):
    """One text: queries [n, heads, d], keys and values [m, key heads, d]."""
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    n, m = q.shape[2], k.shape[2]
    options = {"scale": scale, "enable_gqa": q.shape[1] != k.shape[1]}
    if bias is None and causal and n == m:
        options["is_causal"] = True
    elif bias is None and causal:
        # The last query sees all keys.
        mask = causal_lower_right(n, m)
        options["attn_mask"] = torch.ones(n, m, dtype=torch.bool).tril(m - n)
        assert torch.equal(mask._materialize(), options["attn_mask"])
    elif bias is not None:
        mask = bias[:, :n, :m]
        if causal:
            mask = mask.masked_fill(~torch.ones(n, m, dtype=torch.bool).tril(m - n), float("-inf"))
        options["attn_mask"] = mask.unsqueeze(0)
    return F.scaled_dot_product_attention(q, k, v, **options).squeeze(0).transpose(0, 1)


def attention_case(queries, keys, heads, key_heads, head_dim, causal=False, scale=None, bias=None):
    q = short(sum(queries), heads, head_dim)
    k, v = (short(sum(keys), key_heads, head_dim) for _ in range(2))
    leaves = {"q": q, "k": k, "v": v}
    if bias:
        leaves["bias"] = short(*bias)
    wide = [x.double() for x in leaves.values()]
    texts = zip(*(x.split(lengths) for x, lengths in zip(wide, (queries, keys, keys))))
    parts = [attend(*text, causal, scale, wide[3] if bias else None) for text in texts]
    return {
        "queries": queries, "keys": keys, "heads": heads, "key_heads": key_heads, "causal": causal, "scale": scale,
        **case(torch.cat(parts), 1, **leaves),
    }


def main():
    torch.manual_seed(11)
    lengths = [3, 5, 1]
    write_fixture("tensor_attention", {"attention": [
        attention_case(lengths, lengths, 2, 2, 4),
        attention_case(lengths, lengths, 2, 2, 3, causal=True),
        attention_case(lengths, lengths, 1, 1, 4, scale=0.3),
        attention_case([2, 1], [5, 3], 2, 2, 4),
        attention_case([2, 4], [5, 4], 2, 2, 4, causal=True),
        attention_case(lengths, lengths, 4, 2, 4, causal=True),
        attention_case([3, 2], [2, 4], 4, 1, 3),
        attention_case(lengths, lengths, 2, 2, 4, bias=[2, 5, 5]),
        attention_case(lengths, lengths, 2, 2, 4, causal=True, bias=[1, 6, 5]),
        attention_case([4], [6], 4, 2, 3, bias=[4, 4, 6]),
        # Longer than a tile of keys, and a head of a whole vector.
        attention_case([37], [37], 1, 1, 5, causal=True),
        attention_case([19, 2], [19, 2], 1, 1, 16),
    ]})


if __name__ == "__main__":
    main()
