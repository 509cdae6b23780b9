"""Makes tests/fixtures/steps_methods.json: the sample's labelled issues in scikit-learn, from texts to classification report.

`python tests/peers/steps_methods.py`

Issues with number % 4 of 0 or 1 train, 2 chooses the threshold, 3 is judged. The same is done by the pipeline in
tests/e2e/steps_methods.rs.
"""

import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    classification_report,
    confusion_matrix,
    f1_score,
    hamming_loss,
    roc_auc_score,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import MultiLabelBinarizer

from text_crate import write_fixture

SAMPLE = Path(__file__).parents[2] / "pipelines/data/issues.jsonl"
THRESHOLDS = np.arange(1, 20) / 20

METHODS = {
    "naive_bayes": (lambda: CountVectorizer(), lambda: MultinomialNB()),
    "logistic_regression": (
        lambda: TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)),
        lambda: LogisticRegression(C=10, class_weight="balanced", max_iter=10_000, tol=1e-10),
    ),
}


def averages(report, names):
    figures = {}
    for average in names:
        for figure in ["precision", "recall", "f1"]:
            figures[f"{average}_{figure}"] = report[f"{average} avg"]["f1-score" if figure == "f1" else figure]
    return figures


def labels_of(report, names):
    return {
        name: {
            "precision": report[name]["precision"],
            "recall": report[name]["recall"],
            "f1": report[name]["f1-score"],
            "support": int(report[name]["support"]),
        }
        for name in names
    }


def multi_label(issues, vectorizer, model):
    binarizer = MultiLabelBinarizer().fit([issue["labels"] for issue in issues])
    names = list(binarizer.classes_)
    parts = [[issue for issue in issues if issue["number"] % 4 in rest] for rest in [(0, 1), (2,), (3,)]]
    train, valid, test = [([issue["text"] for issue in part], binarizer.transform([issue["labels"] for issue in part])) for part in parts]
    fitted = vectorizer()
    trained = OneVsRestClassifier(model()).fit(fitted.fit_transform(train[0]), train[1])
    scores = trained.predict_proba(fitted.transform(test[0]))
    valid_scores = trained.predict_proba(fitted.transform(valid[0]))
    micro = [f1_score(valid[1], valid_scores > threshold, average="micro", zero_division=0) for threshold in THRESHOLDS]
    best = THRESHOLDS[len(micro) - 1 - int(np.argmax(micro[::-1]))]
    result = {"terms": len(fitted.vocabulary_), "threshold": best, "labels": names}
    for name, predicted in [("as_predicted", scores > 0.5), ("chosen", scores > best)]:
        report = classification_report(test[1], predicted, target_names=names, output_dict=True, zero_division=0)
        result[name] = averages(report, ["micro", "macro", "weighted", "samples"]) | {
            "subset_accuracy": float((test[1] == predicted).all(axis=1).mean()),
            "hamming_loss": float(hamming_loss(test[1], predicted)),
            "labels": labels_of(report, names),
        }
    ranked = [label for label in range(len(names)) if test[1][:, label].any()]
    result["average_precision"] = {names[i]: average_precision_score(test[1][:, i], scores[:, i]) for i in ranked}
    result["roc_auc"] = {names[i]: roc_auc_score(test[1][:, i], scores[:, i]) for i in ranked}
    result["predicted"] = {
        str(issue["number"]): list(labels)
        for issue, labels in zip(parts[2], binarizer.inverse_transform((scores > 0.5).astype(int)))
    }
    return result


def multi_class(issues, vectorizer, model):
    train = [issue for issue in issues if issue["number"] % 4 in (0, 1)]
    test = [issue for issue in issues if issue["number"] % 4 == 3]
    fitted = vectorizer()
    trained = model().fit(fitted.fit_transform([issue["text"] for issue in train]), [issue["labels"][0] for issue in train])
    truth = [issue["labels"][0] for issue in test]
    predicted = trained.predict(fitted.transform([issue["text"] for issue in test]))
    names = sorted(set(truth) | set(trained.classes_))
    report = classification_report(truth, predicted, labels=names, output_dict=True, zero_division=0)
    # As everywhere in scikit-learn, the averages leave out a label that is neither true nor predicted in the test rows.
    shown = classification_report(truth, predicted, output_dict=True, zero_division=0)
    return averages(shown, ["macro", "weighted"]) | {
        "accuracy": float((predicted == truth).mean()),
        "labels": labels_of(report, names),
        "confusion": confusion_matrix(truth, predicted, labels=names).tolist(),
        "predicted": {str(issue["number"]): label for issue, label in zip(test, predicted)},
    }


def main():
    warnings.simplefilter("error")
    with open(SAMPLE) as file:
        rows = [json.loads(line) for line in file]
    issues = [
        {
            "number": row["number"],
            "text": row["title"] + "\n\n" + row["body"],
            "labels": sorted(label["name"] for label in row["labels"]),
        }
        for row in rows
        if row["labels"] and row["body"]
    ]
    cases = {
        name: {"multi_label": multi_label(issues, *method), "multi_class": multi_class(issues, *method)}
        for name, method in METHODS.items()
    }
    write_fixture("steps_methods", cases)


if __name__ == "__main__":
    main()
