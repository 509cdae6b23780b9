"""Asks the text crate through its example `peer`, and reads the real issues. Shared by the scripts beside it.

Needs: numpy, scipy, scikit-learn, scikit-multilearn, datasketch from PyPI, and cargo.
"""

import gzip
import json
import os
import pathlib
import subprocess
import tempfile

import numpy as np
import scipy.sparse as sp

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"

LABEL_MAP = {
    "bug": "bug",
    "enhancement": "enhancement",
    "dataset request": "dataset request",
    "dataset-viewer": "dataset viewer",
    "dataset contribution": "dataset contribution",
    "dataset bug": "dataset bug",
    "documentation": "documentation",
    "generic discussion": "generic discussion",
    "Dataset discussion": "generic discussion",
    "question": "question",
    "vision": "vision",
    "streaming": "streaming",
    "speech": "speech",
}


def binary():
    """Builds the example in release mode and returns its path."""
    command = ["cargo", "build", "--release", "-q", "-p", "text", "--example", "peer"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    return target / "release" / "examples" / "peer"


def ask(peer, op, **fields):
    """One request, one reply."""
    with tempfile.TemporaryDirectory() as folder:
        request, reply = pathlib.Path(folder, "request.json"), pathlib.Path(folder, "reply.json")
        request.write_text(json.dumps({"op": op, **fields}))
        subprocess.run([peer, request, reply], check=True)
        return json.loads(reply.read_text())


def csr(x):
    """A scipy matrix as the crate's CsrMatrix."""
    x = sp.csr_matrix(x)
    x.sort_indices()
    return {
        "columns": x.shape[1],
        "offsets": x.indptr.tolist(),
        "indices": x.indices.tolist(),
        "values": x.data.astype(float).tolist(),
    }


def to_scipy(x):
    """The crate's CsrMatrix as a scipy matrix."""
    shape = (len(x["offsets"]) - 1, x["columns"])
    return sp.csr_matrix((x["values"], x["indices"], x["offsets"]), shape=shape)


def label_sets(y, names=None):
    """A 0/1 matrix as the crate's LabelSets."""
    names = names or [f"label {i:03}" for i in range(y.shape[1])]
    rows = [np.flatnonzero(row).tolist() for row in np.asarray(y)]
    return {
        "vocabulary": list(names),
        "offsets": np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(int).tolist(),
        "indices": [label for row in rows for label in row],
    }


def one_hot(classes, count):
    """Class numbers as a 0/1 matrix."""
    return np.eye(count, dtype=int)[np.asarray(classes)]


def matrix(rows, labels):
    """Rows of label numbers as a 0/1 matrix."""
    y = np.zeros((len(rows), labels), dtype=int)
    for row, carried in enumerate(rows):
        y[row, carried] = 1
    return y


def read_issues(path):
    """The texts of all issues, and the sorted set of mapped labels of each."""
    texts, labels = [], []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            issue = json.loads(line)
            texts.append(issue["title"] + "\n\n" + (issue["body"] or ""))
            names = {LABEL_MAP.get(label["name"]) for label in issue["labels"]}
            labels.append(sorted(names - {None}))
    return texts, labels


def labelled(texts, labels):
    """The first of equal texts, with labels only: (texts, 0/1 matrix, names)."""
    first = {}
    for row, text in enumerate(texts):
        first.setdefault(text, row)
    rows = [row for row in sorted(first.values()) if labels[row]]
    names = sorted({name for row in rows for name in labels[row]})
    numbers = {name: number for number, name in enumerate(names)}
    y = matrix([[numbers[name] for name in labels[row]] for row in rows], len(names))
    return [texts[row] for row in rows], y, names


def write_fixture(name, value):
    """Writes tests/fixtures/NAME.json with one top-level entry a line."""
    FIXTURES.mkdir(exist_ok=True)
    lines = [f"{json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()]
    (FIXTURES / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
