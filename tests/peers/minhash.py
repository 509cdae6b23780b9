"""Makes tests/fixtures/minhash.json: datasketch's cuts into bands, and true Jaccard similarities of small texts.

`python tests/peers/minhash.py`
"""

import itertools

from datasketch import MinHash, MinHashLSH
from datasketch.lsh import _optimal_param

from text_crate import write_fixture
from small_texts import TEXTS

# Pairs that differ a little, beside texts that differ much.
PAIRS = [
    "the loader reads every shard twice when the cache folder sits on a network drive and two workers share it",
    "The loader reads every shard twice when the cache folder sits on a network drive and two workers share it!",
    "the loader  reads every shard twice when the cache folder sits on a network drive and three workers share it",
    "the writer reads every shard once when the index folder sits on a network drive and no workers share it",
]


def words(text, size):
    units = text.lower().split()
    return {tuple(units[i : i + size]) for i in range(max(len(units) - size + 1, 1))} if units else set()


def chars(text, size):
    text = " ".join(text.lower().split())
    return {text[i : i + size] for i in range(max(len(text) - size + 1, 1))} if text else set()


def similarity(a, b):
    return len(a & b) / len(a | b) if a | b else 1.0


def datasketch_pairs(sets, threshold=0.8, permutations=128):
    """The candidate pairs of datasketch's MinHashLSH, each text asked before it is inserted."""
    lsh = MinHashLSH(threshold=threshold, num_perm=permutations)
    units = ([" ".join(shingle).encode() for shingle in shingles] for shingles in sets)
    pairs = set()
    for row, signature in enumerate(MinHash.generator(units, num_perm=permutations)):
        pairs.update((earlier, row) for earlier in lsh.query(signature))
        lsh.insert(row, signature, check_duplication=False)
    return pairs


def main():
    bands = []
    for permutations, threshold, weights in itertools.product(
        [16, 64, 128, 200], [0.3, 0.5, 0.7, 0.8, 0.95], [(0.5, 0.5), (0.1, 0.9), (0.01, 0.99)]
    ):
        cut = _optimal_param(threshold, permutations, *weights)
        bands.append({"permutations": permutations, "threshold": threshold, "weights": weights, "cut": cut})
    texts = TEXTS + PAIRS
    similarities = []
    for unit, cut, size in [("words", words, 1), ("words", words, 3), ("chars", chars, 5)]:
        sets = [cut(text, size) for text in texts]
        pairs = [[i, j, similarity(sets[i], sets[j])] for i, j in itertools.combinations(range(len(texts)), 2)]
        similarities.append({"unit": unit, "size": size, "pairs": [pair for pair in pairs if pair[2] > 0]})
    write_fixture("minhash", {"bands": bands, "texts": texts, "similarities": similarities})


if __name__ == "__main__":
    main()
