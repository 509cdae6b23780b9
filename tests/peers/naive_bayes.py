"""Makes tests/fixtures/naive_bayes.json: scikit-learn's multinomial naive Bayes on small random counts.

`python tests/peers/naive_bayes.py`
"""

import warnings

from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB

from text_crate import csr, label_sets, one_hot, write_fixture
from random_data import counts, multi_class, multi_label


def main():
    warnings.simplefilter("ignore")
    cases = []
    for alpha, fit_prior in [(1.0, True), (0.1, True), (1e-9, True), (0.5, False)]:
        params = {"alpha": alpha, "fit_prior": fit_prior}
        y = multi_label(40, 1)
        x, test = counts(40, 12, y, 2), counts(15, 12, multi_label(15, 3), 2)
        model = OneVsRestClassifier(MultinomialNB(alpha=alpha, fit_prior=fit_prior)).fit(x, y)
        cases.append({
            "params": params, "task": "multi_label", "x": csr(x), "labels": label_sets(y), "test": csr(test),
            "probabilities": model.predict_proba(test).ravel().tolist(),
            "predicted": label_sets(model.predict(test)),
        })
        y = multi_class(40, 4, 4)
        x, test = counts(40, 12, one_hot(y, 4), 5), counts(15, 12, one_hot(multi_class(15, 4, 6), 4), 5)
        model = MultinomialNB(alpha=alpha, fit_prior=fit_prior).fit(x, y)
        cases.append({
            "params": params, "task": "multi_class", "x": csr(x), "labels": label_sets(one_hot(y, 4)), "test": csr(test),
            "probabilities": model.predict_proba(test).ravel().tolist(),
            "predicted": label_sets(one_hot(model.predict(test), 4)),
        })
    write_fixture("naive_bayes", {"cases": cases})


if __name__ == "__main__":
    main()
