"""Random features and labels for the fixtures of the classifiers: sparse counts that depend on the labels."""

import numpy as np


def counts(rows, columns, y, seed):
    """Counts whose rate depends on the row's labels; one row is empty."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.3, 1.0, size=(y.shape[1], columns))
    x = rng.poisson(0.1 + y @ rates * 0.6 * (rng.random((rows, columns)) < 0.4))
    x[rows // 2] = 0
    return x


def multi_label(rows, seed):
    """Four labels of falling frequency, one that no row carries, one that all carry."""
    rng = np.random.default_rng(seed)
    y = (rng.random((rows, 6)) < [0.5, 0.3, 0.15, 0.05, 0.0, 2.0]).astype(int)
    y[0, 3] = 1
    return y


def multi_class(rows, classes, seed):
    """Unbalanced classes, each with a row at least; as numbers."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, classes + 1)
    y = rng.choice(classes, size=rows, p=weights / weights.sum())
    y[:classes] = np.arange(classes)
    return y
