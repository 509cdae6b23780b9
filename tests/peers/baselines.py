"""The pipeline pipelines/issues_baselines.toml in pandas, scikit-learn and scikit-multilearn.

    python tests/peers/baselines.py ISSUES.jsonl.gz [--labels pipelines/labels/datasets.toml] [--order random] > scores.csv

Loads issues in the layout of GitHub's REST API, maps labels, removes exact duplicates, counts labels and words, and for each of
three seeds: an iterative split into halves and quarters, nested slices, counts with naive Bayes and tf-idf with logistic
regression on each slice, the threshold with the best micro F1 on the validation part, the report and a bootstrap on the test
part. Near duplicates stay: these three libraries have no such step. Prints a row for each evaluation; the time that each
stage took goes to stderr.
"""

import argparse
import sys
import time
import tomllib
import warnings

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import MultiLabelBinarizer
from skmultilearn.model_selection import IterativeStratification

SIZES = [8, 16, 32, 64, 128, "all"]
SEEDS = [0, 1, 2]
THRESHOLDS = np.arange(1, 20) / 20
SAMPLES = 1000


def load(path, label_map):
    issues = pd.read_json(path, lines=True)
    text = issues["title"].fillna("") + "\n\n" + issues["body"].fillna("")
    names = issues["labels"].map(lambda labels: [label["name"] for label in labels])
    if label_map:
        names = names.map(lambda row: sorted({label_map[name] for name in row if name in label_map}))
    table = pd.DataFrame({"number": issues["number"], "text": text, "labels": names})
    labelled = int((table["labels"].map(len) > 0).sum())
    unique = table.drop_duplicates("text").reset_index(drop=True)
    print(f"{len(table)} rows, {labelled} labelled, {len(table) - len(unique)} duplicates", file=sys.stderr)
    return unique


def stats(table):
    table["labels"].explode().value_counts()
    table["labels"].map(len).value_counts()
    table["text"].str.split().map(len).describe()


def split(y, seed):
    """Rows of the training, validation and test parts."""
    rows = np.random.RandomState(seed).permutation(len(y))
    y = y[rows]

    def halves(rows, y):
        folds = IterativeStratification(n_splits=2, order=1, sample_distribution_per_fold=[0.5, 0.5])
        first, second = next(folds.split(rows.reshape(-1, 1), y))
        return first, second

    rest, train = halves(rows, y)
    valid, test = halves(rows[rest], y[rest])
    return rows[train], rows[rest][valid], rows[rest][test]


def order(y, train, seed, balanced):
    """The training rows such that the first n are the slice of size n."""
    shuffled = np.random.RandomState(seed).permutation(train)
    if not balanced:
        return shuffled
    waiting = [[row for row in shuffled if y[row, label]] for label in range(y.shape[1])]
    served = np.zeros(y.shape[1], dtype=int)
    taken, result = set(), []
    while any(waiting):
        label = min((label for label in range(y.shape[1]) if waiting[label]), key=lambda label: served[label])
        row = waiting[label].pop()
        if row not in taken:
            taken.add(row)
            result.append(row)
            served += y[row]
    return np.array(result)


def scores(model, x, y_train, labels):
    """Probabilities `[rows, labels]`; a label without a training row is never predicted."""
    seen = np.flatnonzero(y_train.sum(axis=0) > 0)
    result = np.zeros((x.shape[0], labels))
    result[:, seen] = model.predict_proba(x)
    return result


def bootstrap(truth, predicted, rng):
    """95 % intervals of micro and macro F1 over rows drawn again."""
    rows = len(truth)
    drawn = rng.multinomial(rows, np.full(rows, 1 / rows), size=SAMPLES)
    hits = drawn @ (truth & predicted)
    total = drawn @ (truth.astype(int) + predicted)
    micro = 2 * hits.sum(axis=1) / np.maximum(total.sum(axis=1), 1)
    macro = (2 * hits / np.maximum(total, 1)).mean(axis=1)
    return np.percentile(micro, [2.5, 97.5]), np.percentile(macro, [2.5, 97.5])


def evaluate(truth, predicted_scores, valid_truth, valid_scores, names, rng):
    micro = [f1_score(valid_truth, valid_scores > threshold, average="micro", zero_division=0) for threshold in THRESHOLDS]
    best = len(micro) - 1 - int(np.argmax(micro[::-1]))
    predicted = predicted_scores > THRESHOLDS[best]
    report = classification_report(truth, predicted, target_names=names, output_dict=True, zero_division=0)
    bootstrap(truth.astype(bool), predicted, rng)
    return THRESHOLDS[best], report["micro avg"]["f1-score"], report["macro avg"]["f1-score"]


METHODS = {
    "naive Bayes": (lambda: CountVectorizer(), lambda: MultinomialNB()),
    "logistic regression": (
        lambda: TfidfVectorizer(sublinear_tf=True),
        lambda: LogisticRegression(C=10, class_weight="balanced", max_iter=1000),
    ),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("issues")
    parser.add_argument("--labels", help="a TOML file: name in the data = label")
    parser.add_argument("--order", choices=["balanced", "random"], default="balanced")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", message="Label not .* is present in all training examples")
    start = time.perf_counter()

    label_map = {}
    if arguments.labels:
        with open(arguments.labels, "rb") as file:
            label_map = tomllib.load(file)
    table = load(arguments.issues, label_map)
    stats(table)
    labelled = table[table["labels"].map(len) > 0].reset_index(drop=True)
    binarizer = MultiLabelBinarizer()
    y = binarizer.fit_transform(labelled["labels"])
    texts = labelled["text"].to_numpy()
    names = list(binarizer.classes_)
    print(f"loaded after {time.perf_counter() - start:.2f} s", file=sys.stderr)

    rows = []
    for seed in SEEDS:
        train, valid, test = split(y, seed)
        ordered = order(y, train, seed, arguments.order == "balanced")
        for size in SIZES:
            part = ordered if size == "all" else ordered[:size]
            for method, (vectorizer, model) in METHODS.items():
                fitted = vectorizer()
                x = fitted.fit_transform(texts[part])
                y_part = y[part]
                seen = np.flatnonzero(y_part.sum(axis=0) > 0)
                trained = OneVsRestClassifier(model()).fit(x, y_part[:, seen])
                valid_scores = scores(trained, fitted.transform(texts[valid]), y_part, len(names))
                test_scores = scores(trained, fitted.transform(texts[test]), y_part, len(names))
                threshold, micro, macro = evaluate(
                    y[test], test_scores, y[valid], valid_scores, names, np.random.default_rng(seed)
                )
                rows.append((method, size, len(part), seed, threshold, micro, macro))
    columns = ["line", "n", "training_rows", "seed", "threshold", "micro_f1", "macro_f1"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.to_csv(sys.stdout, index=False)
    means = frame.groupby(["line", "n"], sort=False)[["micro_f1", "macro_f1"]].mean()
    print(means.round(3).to_string(), file=sys.stderr)
    print(f"done after {time.perf_counter() - start:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
