"""Makes tests/fixtures/metrics.json: scikit-learn's figures on random truths, predictions and scores.

`python tests/peers/metrics.py`
"""

import warnings

import numpy as np
from sklearn import metrics

from text_crate import label_sets, one_hot, write_fixture


def averages(truth, predicted, labels, average):
    figures = metrics.precision_recall_fscore_support(truth, predicted, labels=labels, average=average, zero_division=0)
    return {"precision": figures[0], "recall": figures[1], "f1": figures[2]}


def report(truth, predicted, names, single):
    """Our report's layout; `truth` and `predicted` are 0/1 matrices."""
    supports = truth.sum(axis=0), predicted.sum(axis=0)
    if single:
        truth, predicted = truth.argmax(axis=1), predicted.argmax(axis=1)
    labels = list(range(len(names)))
    present = sorted(set(truth) | set(predicted)) if single else labels
    each = metrics.precision_recall_fscore_support(truth, predicted, labels=labels, average=None, zero_division=0)
    accuracy = float(metrics.accuracy_score(truth, predicted))
    same = {"precision": accuracy, "recall": accuracy, "f1": accuracy}
    return {
        "labels": [
            {
                "label": names[i], "precision": each[0][i], "recall": each[1][i], "f1": each[2][i],
                "support": int(supports[0][i]), "predicted": int(supports[1][i]),
            }
            for i in labels
        ],
        "micro_avg": averages(truth, predicted, present, "micro"),
        "macro_avg": averages(truth, predicted, present, "macro"),
        "weighted_avg": averages(truth, predicted, present, "weighted"),
        "samples_avg": same if single else averages(truth, predicted, None, "samples"),
        "subset_accuracy": accuracy,
        "hamming_loss": float(metrics.hamming_loss(truth, predicted)),
        "rows": len(truth),
    }


def multi_label_case(rng, rows, labels):
    names = [f"label {i:03}" for i in range(labels)]
    truth = (rng.random((rows, labels)) < 0.25).astype(int)
    flips = rng.random((rows, labels)) < 0.15
    predicted = np.where(flips, 1 - truth, truth)
    truth[:, -1] = 0
    predicted[:, -2] = 0
    scores = np.round(truth * 0.3 + rng.random((rows, labels)) * 0.7, 1)
    defined = [0 < truth[:, i].sum() < rows for i in range(labels)]
    columns = [(truth[:, i], scores[:, i]) if defined[i] else None for i in range(labels)]
    sweep = [0.0, 0.25, 0.5, 0.55, 0.9]
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.argsort(order, axis=1)
    return {
        "truth": label_sets(truth, names),
        "predicted": label_sets(predicted, names),
        "task": "multi_label",
        "report": report(truth, predicted, names, False),
        "scores": scores.ravel().tolist(),
        "average_precision": [c and float(metrics.average_precision_score(*c)) for c in columns],
        "roc_auc": [c and float(metrics.roc_auc_score(*c)) for c in columns],
        "thresholds": [{"setting": t, "report": report(truth, (scores > t).astype(int), names, False)} for t in sweep],
        "top_k": [{"setting": k, "report": report(truth, (ranks < k).astype(int), names, False)} for k in [0, 1, 2, 99]],
        "best_f1": [best_f1(truth[:, i], scores[:, i]) for i in range(labels)],
    }


def best_f1(truth, scores):
    """The best F1 over every distinct score as a threshold."""
    if truth.sum() == 0:
        return 0.0
    return max(float(metrics.f1_score(truth, scores >= t, zero_division=0)) for t in np.unique(scores))


def multi_class_case(rng, rows, labels):
    names = [f"label {i:03}" for i in range(labels)]
    truth = rng.integers(0, labels - 1, rows)
    predicted = np.where(rng.random(rows) < 0.4, rng.integers(0, labels - 1, rows), truth)
    hot = one_hot(truth, labels), one_hot(predicted, labels)
    return {
        "truth": label_sets(hot[0], names),
        "predicted": label_sets(hot[1], names),
        "task": "multi_class",
        "report": report(*hot, names, True),
        "confusion": metrics.confusion_matrix(truth, predicted, labels=list(range(labels))).tolist(),
    }


def main():
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(7)
    write_fixture("metrics", {
        "multi_label": [multi_label_case(rng, rows, labels) for rows, labels in [(1, 3), (25, 4), (60, 7)]],
        "multi_class": [multi_class_case(rng, rows, labels) for rows, labels in [(1, 3), (30, 4), (80, 6)]],
    })


if __name__ == "__main__":
    main()
