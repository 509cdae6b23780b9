"""Makes tests/fixtures/canonical_hash.json: digests of JSON values by the encoding that cache/src/canonical.rs documents.

Written from that table, with the BLAKE3 package of PyPI, so that neither the encoding nor the hash is the crate's own.
Run: pip install blake3; python tests/peers/canonical_hash.py > tests/fixtures/canonical_hash.json
"""

import json
import struct

from blake3 import blake3


def encode(value):
    if value is None:
        return b"n"
    if value is True:
        return b"t"
    if value is False:
        return b"f"
    if isinstance(value, int):
        return b"u" + struct.pack("<Q", value) if value >= 0 else b"i" + struct.pack("<q", value)
    if isinstance(value, float):
        return b"d" + struct.pack("<d", value)
    if isinstance(value, str):
        text = value.encode()
        return b"s" + struct.pack("<Q", len(text)) + text
    if isinstance(value, list):
        return b"l" + struct.pack("<Q", len(value)) + b"".join(map(encode, value))
    pairs = sorted(value.items(), key=lambda pair: pair[0].encode())
    return b"m" + struct.pack("<Q", len(pairs)) + b"".join(encode(key) + encode(item) for key, item in pairs)


VALUES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**63 - 1,
    2**64 - 1,
    -(2**63),
    0.0,
    -0.0,
    1.0,
    0.1,
    -2.5e-300,
    1e300,
    "",
    "a",
    "naïve 𝄞",
    [],
    [[]],
    [1, "1", 1.0],
    ["ab", "c"],
    ["a", "bc"],
    {},
    {"b": 1, "a": 2},
    {"é": None, "z": [], "ﬀ": {}, "𝄞": 0},
    {"op": "train", "seed": 42, "threshold": 0.5, "labels": ["bug", "question"], "nested": {"x": {"y": [None]}}},
]

if __name__ == "__main__":
    rows = [
        {"json": json.dumps(value, ensure_ascii=False), "digest": blake3(encode("test") + encode(value)).hexdigest()}
        for value in VALUES
    ]
    print(json.dumps(rows, ensure_ascii=False, indent=1))
