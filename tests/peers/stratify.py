"""Makes tests/fixtures/stratify.json: how far scikit-multilearn's iterative stratification misses the label shares.

`python tests/peers/stratify.py`
"""

import numpy as np
from skmultilearn.model_selection import IterativeStratification

from text_crate import label_sets, write_fixture

FRACTIONS = [0.5, 0.25, 0.25]
SEEDS = list(range(10))


def peer_parts(y, fractions, seed):
    """The rows of each part by scikit-multilearn; it draws from numpy's global generator."""
    np.random.seed(seed)
    splitter = IterativeStratification(n_splits=len(fractions), order=1, sample_distribution_per_fold=list(fractions))
    return [list(test) for _, test in splitter.split(np.zeros((len(y), 1)), y)]


def deviation(y, parts, fractions):
    """The mean over labels and parts of |share of the label's rows in the part - the part's fraction|."""
    counts = y.sum(axis=0)
    shares = np.array([y[part].sum(axis=0) for part in parts]) / counts
    return float(np.abs(shares - np.asarray(fractions)[:, None]).mean())


def label_distribution(y, parts):
    """The measure LD of Sechidis et al. 2011: mean over labels and parts of the difference of odds."""
    def odds(rows):
        positive = y[rows].sum(axis=0)
        return positive / np.maximum(len(rows) - positive, 1)

    whole = odds(np.arange(len(y)))
    return float(np.mean([np.abs(odds(part) - whole) for part in parts]))


def size_deviation(y, parts, fractions):
    """The mean over parts of |rows - wanted rows|."""
    return float(np.mean([abs(len(part) - f * len(y)) for part, f in zip(parts, fractions)]))


def random_labels(rows, labels, seed):
    """Rows with unbalanced labels that depend on each other; a tenth has none."""
    rng = np.random.default_rng(seed)
    y = rng.random((rows, labels)) < 0.4 / np.arange(1, labels + 1)
    y[:, 1::2] |= (rng.random((rows, labels // 2)) < 0.15) & y[:, 0:-1:2][:, : labels // 2]
    y[rng.random(rows) < 0.1] = False
    y[np.arange(labels), np.arange(labels)] = True
    return y.astype(int)


def main():
    cases = []
    for rows, labels, fractions in [(300, 6, FRACTIONS), (120, 15, [0.7, 0.15, 0.15]), (60, 4, [0.2] * 5)]:
        y = random_labels(rows, labels, rows)
        parts = [peer_parts(y, fractions, seed) for seed in SEEDS]
        cases.append({
            "labels": label_sets(y),
            "fractions": fractions,
            "seeds": SEEDS,
            "deviation": float(np.mean([deviation(y, part, fractions) for part in parts])),
            "label_distribution": float(np.mean([label_distribution(y, part) for part in parts])),
            "size_deviation": float(np.mean([size_deviation(y, part, fractions) for part in parts])),
        })
    write_fixture("stratify", {"cases": cases})


if __name__ == "__main__":
    main()
