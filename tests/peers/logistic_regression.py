"""Makes tests/fixtures/logistic_regression.json: scikit-learn's logistic regression, converged far beyond its default.

`python tests/peers/logistic_regression.py`
"""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from text_crate import csr, label_sets, one_hot, write_fixture
from random_data import counts, multi_class, multi_label


def model(c, balanced, intercept):
    return LogisticRegression(
        C=c, class_weight="balanced" if balanced else None, fit_intercept=intercept,
        solver="newton-cholesky", tol=1e-12, max_iter=1000,
    )


def main():
    warnings.simplefilter("ignore")
    cases = []
    for c, balanced, intercept in [(1.0, False, True), (10.0, True, True), (0.1, False, False), (1e4, True, True)]:
        params = {
            "c": c, "class_weight": "balanced" if balanced else "none", "fit_intercept": intercept,
            "tolerance": 1e-11, "max_iterations": 200,
        }
        y = multi_label(40, 1)
        x, test = counts(40, 12, y, 2) / 3, counts(15, 12, multi_label(15, 3), 2) / 3
        fitted = OneVsRestClassifier(model(c, balanced, intercept)).fit(x, y)
        cases.append({
            "params": params, "task": "multi_label", "x": csr(x), "labels": label_sets(y), "test": csr(test),
            "weights": [e.coef_[0].tolist() if hasattr(e, "coef_") else [0.0] * 12 for e in fitted.estimators_],
            "probabilities": fitted.predict_proba(test).ravel().tolist(),
            "predicted": label_sets(fitted.predict(test)),
        })
        for classes in [2, 4]:
            y = multi_class(40, classes, 4)
            x, test = counts(40, 12, one_hot(y, classes), 5) / 3, counts(15, 12, one_hot(multi_class(15, classes, 6), classes), 5) / 3
            fitted = model(c, balanced, intercept).fit(x, y)
            coefficients = fitted.coef_ if classes > 2 else np.vstack([np.zeros(12), fitted.coef_])
            cases.append({
                "params": params, "task": "multi_class", "x": csr(x), "labels": label_sets(one_hot(y, classes)),
                "test": csr(test),
                "weights": coefficients.tolist(),
                "probabilities": fitted.predict_proba(test).ravel().tolist(),
                "predicted": label_sets(one_hot(fitted.predict(test), classes)),
            })
    write_fixture("logistic_regression", {"cases": cases})


if __name__ == "__main__":
    main()
