"""Sets the text crate beside scikit-learn and scikit-multilearn on the real issues.

`python tests/peers/real_issues.py ../shared/data/datasets-issues.jsonl.gz`; prints one line a check and ends with an
error when one fails.
"""

import sys
import warnings

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, hamming_loss
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB

import stratify
from minhash import datasketch_pairs, similarity
from minhash import words as shingles_of_words
from text_crate import ask, binary, csr, label_sets, labelled, matrix, one_hot, read_issues, to_scipy

FRACTIONS = [0.5, 0.25, 0.25]
THRESHOLD = 0.8
failed = []


def check(name, passed, detail=""):
    print(f"{'ok    ' if passed else 'FAILED'} {name} {detail}")
    if not passed:
        failed.append(name)


def shingles(text):
    return shingles_of_words(text, 3)


def vectorizers(peer, texts):
    smooth = {"use_idf": True, "smooth_idf": True, "sublinear_tf": False, "norm": "l2"}
    cases = [
        ("counts", CountVectorizer(), {}),
        ("counts, cased, binary", CountVectorizer(lowercase=False, binary=True), {"lowercase": False, "binary": True}),
        ("counts, 1-2-grams, df", CountVectorizer(ngram_range=(1, 2), min_df=2, max_df=0.5),
         {"ngram_range": [1, 2], "min_df": 2, "max_df": 0.5}),
        ("counts, char 2-4", CountVectorizer(analyzer="char", ngram_range=(2, 4), min_df=3),
         {"analyzer": "char", "ngram_range": [2, 4], "min_df": 3}),
        ("counts, char_wb 3-5", CountVectorizer(analyzer="char_wb", ngram_range=(3, 5), min_df=3),
         {"analyzer": "char_wb", "ngram_range": [3, 5], "min_df": 3}),
        ("tf-idf", TfidfVectorizer(), {"tf_idf": smooth}),
        ("tf-idf, sublinear, l1", TfidfVectorizer(sublinear_tf=True, norm="l1", smooth_idf=False),
         {"tf_idf": {**smooth, "sublinear_tf": True, "norm": "l1", "smooth_idf": False}}),
    ]
    for name, theirs, params in cases:
        expected = theirs.fit_transform(texts)
        reply = ask(peer, "vectorize", texts=texts, params=params, others=texts[:500], threads=2)
        terms = list(theirs.get_feature_names_out())
        same = reply["terms"] == terms
        check(f"vectorizer {name}: vocabulary", same, f"{len(terms)} terms")
        if not same:
            print("   first differences:", sorted(set(terms) ^ set(reply["terms"]))[:10])
            continue
        for what, ours, wanted in [("fit", reply["x"], expected), ("transform", reply["others"], expected[:500])]:
            ours, wanted = to_scipy(ours), wanted.sorted_indices()
            equal_places = (ours.indptr == wanted.indptr).all() and (ours.indices == wanted.indices).all()
            worst = np.abs(ours.data - wanted.data).max() if equal_places else np.inf
            exact = 0.0 if "counts" in name else 1e-14
            check(f"vectorizer {name}: {what}", worst <= exact, f"{wanted.nnz} cells, worst difference {worst:.1e}")


def baselines(peer, texts, y, names):
    labels = label_sets(y, names)
    split = ask(peer, "split", labels=labels, fractions=FRACTIONS, seeds=[0, 1, 2])
    for seed, parts in enumerate(split["parts"]):
        train, test = parts[0], parts[2]
        slices = ask(peer, "slices", labels=label_sets(y[train], names), sizes=[32, len(train)], seed=seed)
        for chosen in slices["slices"]:
            rows = [train[row] for row in chosen]
            counts(peer, texts, y, names, rows, test, seed)
            tf_idf(peer, texts, y, names, rows, test, seed)


def multi_label(model, x, y, test):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = OneVsRestClassifier(model).fit(x, y)
    return fitted.predict(test), fitted.predict_proba(test)


def training(x, y, names, test, task):
    return {"x": csr(x), "labels": label_sets(y, names), "task": task, "test": csr(test)}


def first_label(y):
    """A multi-class problem from label sets: the first label of each row."""
    return y.argmax(axis=1)


def counts(peer, texts, y, names, rows, test, seed):
    vectorizer = CountVectorizer().fit([texts[row] for row in rows])
    x, x_test = vectorizer.transform([texts[row] for row in rows]), vectorizer.transform([texts[row] for row in test])
    name = f"naive Bayes, {len(rows)} rows, seed {seed}"
    expected, probabilities = multi_label(MultinomialNB(), x, y[rows], x_test)
    params = {"alpha": 1.0, "fit_prior": True}
    reply = ask(peer, "naive_bayes", params=params, data=training(x, y[rows], names, x_test, "multi_label"))
    predictions(name, reply, expected, probabilities, 1.0)
    report(peer, name, y[test], expected, names, "multi_label")

    classes = first_label(y)
    model = MultinomialNB().fit(x, classes[rows])
    data = training(x, one_hot(classes[rows], len(names)), names, x_test, "multi_class")
    reply = ask(peer, "naive_bayes", params=params, data=data)
    compare_classes(name, reply, model, x_test, len(names), 1.0)
    report(peer, name, one_hot(classes[test], len(names)), one_hot(model.predict(x_test), len(names)), names, "multi_class")


def tf_idf(peer, texts, y, names, rows, test, seed):
    vectorizer = TfidfVectorizer(sublinear_tf=True).fit([texts[row] for row in rows])
    x, x_test = vectorizer.transform([texts[row] for row in rows]), vectorizer.transform([texts[row] for row in test])
    for balanced in [True, False]:
        name = f"logistic regression, {'balanced' if balanced else 'plain'}, {len(rows)} rows, seed {seed}"
        weight = "balanced" if balanced else None
        model = LogisticRegression(C=10.0, class_weight=weight, tol=1e-8, max_iter=10000)
        expected, probabilities = multi_label(model, x, y[rows], x_test)
        params = {
            "c": 10.0, "class_weight": weight or "none", "fit_intercept": True,
            "tolerance": 1e-6, "max_iterations": 100,
        }
        data = training(x, y[rows], names, x_test, "multi_label")
        reply = ask(peer, "logistic_regression", params=params, data=data, threads=2)
        predictions(name, reply, expected, probabilities, 0.995)
        check(f"{name}: converged", reply["unconverged"] == [])
        report(peer, name, y[test], expected, names, "multi_label")

        classes = first_label(y)
        model.fit(x, classes[rows])
        data = training(x, one_hot(classes[rows], len(names)), names, x_test, "multi_class")
        reply = ask(peer, "logistic_regression", params=params, data=data)
        compare_classes(name, reply, model, x_test, len(names), 0.995)
        check(f"{name}, classes: converged", reply["unconverged"] == [])


def predictions(name, reply, expected, probabilities, share):
    ours = matrix(reply["labels"], expected.shape[1])
    equal = (ours == expected).mean()
    worst = np.abs(np.reshape(reply["probabilities"], probabilities.shape) - probabilities).max()
    check(f"{name}: predictions", equal >= share, f"{equal:.5f} of cells equal, worst probability {worst:.1e}")


def compare_classes(name, reply, model, x_test, labels, share):
    ours = np.array([row[0] for row in reply["labels"]])
    equal = (ours == model.predict(x_test)).mean()
    probabilities = np.zeros((x_test.shape[0], labels))
    probabilities[:, model.classes_] = model.predict_proba(x_test)
    worst = np.abs(np.reshape(reply["probabilities"], probabilities.shape) - probabilities).max()
    check(f"{name}, classes: predictions", equal >= share, f"{equal:.5f} equal, worst probability {worst:.1e}")


def report(peer, name, truth, predicted, names, task):
    fields = {"truth": label_sets(truth, names), "predicted": label_sets(predicted, names), "task": task}
    ours = ask(peer, "report", **fields)["report"]
    single = task == "multi_class"
    if single:
        truth, predicted = truth.argmax(axis=1), predicted.argmax(axis=1)
        present = sorted(set(truth) | set(predicted))
        theirs = classification_report(truth, predicted, labels=present, output_dict=True, zero_division=0)
        pairs = [(theirs[str(label)], ours["labels"][label]) for label in present]
        averages = ["macro avg", "weighted avg"]
        figures = [(theirs["accuracy"], ours["subset_accuracy"]), (theirs["accuracy"], ours["micro_avg"]["f1"])]
    else:
        theirs = classification_report(truth, predicted, target_names=names, output_dict=True, zero_division=0)
        pairs = [(theirs[label], ours["labels"][i]) for i, label in enumerate(names)]
        averages = ["micro avg", "macro avg", "weighted avg", "samples avg"]
        figures = [((truth == predicted).all(axis=1).mean(), ours["subset_accuracy"])]
    figures.append((hamming_loss(truth, predicted), ours["hamming_loss"]))
    pairs += [(theirs[average], ours[average.replace(" ", "_")]) for average in averages]
    for wanted, got in pairs:
        figures += [(wanted["precision"], got["precision"]), (wanted["recall"], got["recall"])]
        figures += [(wanted["f1-score"], got["f1"]), (wanted["support"], got.get("support", wanted["support"]))]
    worst = max(abs(wanted - got) for wanted, got in figures)
    suffix = ", classes" if single else ""
    check(f"{name}{suffix}: report", worst < 1e-12, f"{len(figures)} figures, worst difference {worst:.1e}")


def splits(peer, y, names):
    seeds = list(range(10))
    ours = ask(peer, "split", labels=label_sets(y, names), fractions=FRACTIONS, seeds=seeds)["parts"]
    theirs = [stratify.peer_parts(y, FRACTIONS, seed) for seed in seeds]
    for what, measure in [
        ("label shares", lambda parts: stratify.deviation(y, parts, FRACTIONS)),
        ("label distribution", lambda parts: stratify.label_distribution(y, parts)),
        ("sizes", lambda parts: stratify.size_deviation(y, parts, FRACTIONS)),
    ]:
        mine, peers = np.mean([measure(p) for p in ours]), np.mean([measure(p) for p in theirs])
        check(f"iterative split, {what}, ten seeds", mine <= peers, f"{mine:.5f}, peer {peers:.5f}")


def near_duplicates(peer, texts):
    texts, planted = plant(texts)
    sets = [shingles(text) for text in texts]

    def verdict(pairs):
        false = sum(similarity(sets[a], sets[b]) < THRESHOLD for a, b in pairs)
        return len(planted & pairs) / len(planted), false

    params = {"threshold": THRESHOLD, "shingle_size": 3, "permutations": 128}
    reply = ask(peer, "near", texts=texts, params=params, threads=2)
    cluster = {row: row for row in reply["kept"]}
    cluster.update((d["removed"], d["kept"]) for d in reply["duplicates"])
    found = sum(cluster[a] == cluster[b] for a, b in planted) / len(planted)
    direct = {(d["kept"], d["removed"]) for d in reply["duplicates"] if d["similarity"] >= THRESHOLD}
    linked = len(reply["duplicates"]) - len(direct)
    peer_found, peer_false = verdict(datasketch_pairs(sets))
    detail = f"{found:.4f} of {len(planted)} planted, {linked} removed through links; datasketch {peer_found:.4f}"
    check("near duplicates: planted ones found", found >= 0.95, detail)
    ours_false = verdict(direct)[1]
    check("near duplicates: false pairs", ours_false <= peer_false, f"{ours_false}, datasketch {peer_false}")


def plant(texts):
    """Adds to every tenth long text a copy with words exchanged, as similar as can be but at least THRESHOLD."""
    rng = np.random.default_rng(0)
    texts, planted = list(dict.fromkeys(texts)), set()
    for row in range(0, len(texts), 10):
        words = texts[row].split()
        if not 30 <= len(words) <= 2000:
            continue
        original, copy = shingles(texts[row]), list(words)
        for place in rng.permutation(len(words)):
            changed = copy[:place] + [f"new{place}"] + copy[place + 1 :]
            if similarity(original, shingles(" ".join(changed))) < THRESHOLD:
                break
            copy = changed
        planted.add((row, len(texts)))
        texts.append(" ".join(copy))
    return texts, planted


def main():
    peer = binary()
    texts, labels = read_issues(sys.argv[1])
    check("labelled rows", sum(map(bool, labels)) == 1657)
    check("exact duplicates", len(texts) - len(set(texts)) == 71)
    vectorizers(peer, texts)
    near_duplicates(peer, texts)
    texts, y, names = labelled(texts, labels)
    print(f"{len(texts)} labelled rows, {len(names)} labels")
    splits(peer, y, names)
    baselines(peer, texts, y, names)
    sys.exit(f"{len(failed)} checks failed" if failed else 0)


if __name__ == "__main__":
    main()
