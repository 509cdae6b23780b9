"""Times the text crate beside scikit-learn, scikit-multilearn and datasketch on the real issues.

`OMP_NUM_THREADS=1 python tests/bench/text.py ../shared/data/datasets-issues.jsonl.gz [NAME]`. Runs alternate, ours and
theirs; a line gives the medians. Only the work itself is timed: texts and matrices lie in memory on both sides.
"""

import pathlib
import statistics
import sys
import time
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, f1_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB

from minhash import datasketch_pairs, words
from stratify import peer_parts
from text_crate import ask, binary, csr, label_sets, labelled, read_issues

FRACTIONS = [0.5, 0.25, 0.25]
TF_IDF = {"use_idf": True, "smooth_idf": True, "sublinear_tf": True, "norm": "l2"}


def race(name, theirs, op, rounds=5, scale=1.0, **request):
    """Alternates and prints the medians; `scale` is how many times the peer's work has to be done to equal ours."""
    if len(sys.argv) > 2 and sys.argv[2] not in name:
        return
    ours, theirs_took = {1: [], 2: []}, []
    for _ in range(rounds):
        for threads, took in ours.items():
            took += ask(PEER, op, threads=threads, repeat=3, **request)["seconds"]
        start = time.perf_counter()
        theirs()
        theirs_took.append((time.perf_counter() - start) * scale)
    one, two, peer = (statistics.median(took) * 1e3 for took in [ours[1], ours[2], theirs_took])
    print(f"| {name} | {peer:.1f} | {one:.2f} | {two:.2f} | {peer / one:.1f} | {peer / two:.1f} |", flush=True)


def main():
    warnings.simplefilter("ignore")
    texts, labels = read_issues(sys.argv[1])
    print("| work | peer, ms | 1 thread, ms | 2 threads, ms | ratio, 1 | ratio, 2 |\n|---|---|---|---|---|---|")
    race("counts, 7,258 texts", lambda: CountVectorizer().fit_transform(texts), "vectorize", texts=texts, params={})
    race("tf-idf, 7,258 texts", lambda: TfidfVectorizer(sublinear_tf=True).fit_transform(texts),
         "vectorize", texts=texts, params={"tf_idf": TF_IDF})
    race("counts, words 1-2", lambda: CountVectorizer(ngram_range=(1, 2)).fit_transform(texts),
         "vectorize", rounds=3, texts=texts, params={"ngram_range": [1, 2]})
    race("counts, char_wb 3-5", lambda: CountVectorizer(analyzer="char_wb", ngram_range=(3, 5)).fit_transform(texts),
         "vectorize", rounds=2, texts=texts, params={"analyzer": "char_wb", "ngram_range": [3, 5]})
    race("near duplicates, 7,258 texts", lambda: datasketch_pairs([words(text, 3) for text in texts]),
         "near", rounds=3, texts=texts, params={})

    texts, y, names = labelled(texts, labels)
    race("iterative split, 1,656 rows", lambda: peer_parts(y, FRACTIONS, 0),
         "split", labels=label_sets(y, names), fractions=FRACTIONS, seeds=[0])
    train = peer_parts(y, FRACTIONS, 0)[0]
    counts = CountVectorizer().fit_transform([texts[row] for row in train])
    tf_idf = TfidfVectorizer(sublinear_tf=True).fit_transform([texts[row] for row in train])

    def training(x, task, y):
        return {"x": csr(x), "labels": label_sets(y, names), "task": task, "test": csr(x[:1])}

    race("naive Bayes, 12 labels, 828 rows", lambda: OneVsRestClassifier(MultinomialNB()).fit(counts, y[train]),
         "naive_bayes", params={"alpha": 1.0, "fit_prior": True}, data=training(counts, "multi_label", y[train]))
    model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=1000)
    params = {"c": 10.0, "class_weight": "balanced", "fit_intercept": True, "tolerance": 1e-6, "max_iterations": 100}
    race("logistic regression, 12 labels, 828 rows", lambda: OneVsRestClassifier(model).fit(tf_idf, y[train]),
         "logistic_regression", params=params, data=training(tf_idf, "multi_label", y[train]))
    classes = y[train].argmax(axis=1)
    one_hot = np.eye(len(names), dtype=int)[classes]
    race("logistic regression, 12 classes, 828 rows", lambda: model.fit(tf_idf, classes),
         "logistic_regression", rounds=3, params=params, data=training(tf_idf, "multi_class", one_hot))

    predicted = np.where(np.random.default_rng(0).random(y.shape) < 0.05, 1 - y, y)
    both = {"truth": label_sets(y, names), "predicted": label_sets(predicted, names)}
    race("report, 1,656 rows", lambda: classification_report(y, predicted, output_dict=True, zero_division=0),
         "report", task="multi_label", **both)

    def bootstrap(replicates=20):
        rng = np.random.default_rng(0)
        for _ in range(replicates):
            rows = rng.integers(0, len(y), len(y))
            f1_score(y[rows], predicted[rows], average="micro", zero_division=0)
            f1_score(y[rows], predicted[rows], average="macro", zero_division=0)

    race("bootstrap, 1,000 replicates (peer: micro and macro F1 alone, 20 scaled)", bootstrap, "bootstrap", scale=50,
         params={"replicates": 1000, "confidence": 0.95, "seed": 0}, **both)


if __name__ == "__main__":
    PEER = binary()
    main()
