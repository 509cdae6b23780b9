"""Makes tests/fixtures/vectorize.json: scikit-learn's vocabularies and rows for the small texts, and Python's `\\w`.

`python tests/peers/vectorize.py`
"""

import re
import unicodedata

from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from text_crate import csr, write_fixture
from small_texts import OTHERS, TEXTS

TF_IDF = {"use_idf": True, "smooth_idf": True, "sublinear_tf": False, "norm": "l2"}

CASES = [
    ({}, CountVectorizer()),
    ({"lowercase": False}, CountVectorizer(lowercase=False)),
    ({"binary": True}, CountVectorizer(binary=True)),
    ({"ngram_range": [1, 3]}, CountVectorizer(ngram_range=(1, 3))),
    ({"ngram_range": [2, 2], "stop_words": ["the", "of"]}, CountVectorizer(ngram_range=(2, 2), stop_words=["the", "of"])),
    ({"analyzer": "char", "ngram_range": [1, 3]}, CountVectorizer(analyzer="char", ngram_range=(1, 3))),
    ({"analyzer": "char_wb", "ngram_range": [2, 5]}, CountVectorizer(analyzer="char_wb", ngram_range=(2, 5))),
    ({"min_df": 2}, CountVectorizer(min_df=2)),
    ({"min_df": 0.1, "max_df": 0.2}, CountVectorizer(min_df=0.1, max_df=0.2)),
    ({"max_df": 1}, CountVectorizer(max_df=1)),
    # 2, because the third of the counts has equals, whose order numpy leaves open.
    ({"max_features": 2}, CountVectorizer(max_features=2)),
    ({"token_pattern": "[a-z]+"}, CountVectorizer(token_pattern="[a-z]+")),
    ({"token_pattern": "([a-z]+)[(]"}, CountVectorizer(token_pattern="([a-z]+)[(]")),
    ({"tf_idf": TF_IDF}, TfidfVectorizer()),
    ({"tf_idf": {**TF_IDF, "smooth_idf": False, "norm": "l1"}}, TfidfVectorizer(smooth_idf=False, norm="l1")),
    ({"tf_idf": {**TF_IDF, "sublinear_tf": True, "norm": "none"}}, TfidfVectorizer(sublinear_tf=True, norm=None)),
    ({"tf_idf": {**TF_IDF, "use_idf": False}, "binary": True}, TfidfVectorizer(use_idf=False, binary=True)),
]


def ranges(belongs):
    """The runs of code points, surrogates apart, for which `belongs` holds."""
    runs = []
    for code in range(0x110000):
        if 0xD800 <= code < 0xE000 or not belongs(chr(code)):
            continue
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return runs


def main():
    cases = []
    for params, vectorizer in CASES:
        x = vectorizer.fit_transform(TEXTS)
        others = vectorizer.transform(OTHERS)
        terms = vectorizer.get_feature_names_out().tolist()
        cases.append({"params": params, "terms": terms, "x": csr(x), "others": csr(others)})
    word = re.compile(r"\w")
    write_fixture("vectorize", {
        "texts": TEXTS,
        "others": OTHERS,
        "lowered": [text.lower() for text in TEXTS],
        "words": [len(text.split()) for text in TEXTS],
        "word_characters": ranges(lambda c: word.match(c)),
        "unassigned": ranges(lambda c: unicodedata.category(c) == "Cn"),
        "cases": cases,
    })


if __name__ == "__main__":
    main()
