"""Makes tests/fixtures/index: files that faiss-cpu wrote, and what it finds in them.

`python tests/peers/index.py`. With `check FOLDER` it reads the files of that folder with faiss and says whether it writes the same bytes.
"""

import json
import pathlib
import sys

import faiss
import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "index"
D, K = 8, 5


def rows(x):
    return np.asarray(x).ravel().tolist()


def answer(index, queries):
    distances, ids = index.search(queries, K)
    return {"ids": rows(ids), "distances": rows(distances)}


def write(name, index):
    faiss.write_index(index, str(FOLDER / f"{name}.faiss"))


def make():
    FOLDER.mkdir(parents=True, exist_ok=True)
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((600, D)).astype(np.float32)
    queries = rng.standard_normal((20, D)).astype(np.float32)
    kept = x[:60]
    fixture = {"d": D, "k": K, "vectors": rows(x), "kept": len(kept), "queries": rows(queries)}
    for name, flat, metric in [("l2", faiss.IndexFlatL2, faiss.METRIC_L2), ("ip", faiss.IndexFlatIP, faiss.METRIC_INNER_PRODUCT)]:
        index = flat(D)
        write(f"flat_{name}_empty", index)
        index.add(kept)
        write(f"flat_{name}", index)
        fixture[f"flat_{name}"] = answer(index, queries)
        quantizer = flat(D)
        index = faiss.IndexIVFFlat(quantizer, D, 12, metric)
        index.cp.niter = 25
        index.train(x[:500])
        # 2 centroids of a sample of 512.
        two = faiss.IndexIVFFlat(flat(D), D, 2, metric)
        two.cp.niter = 25
        two.train(x)
        fixture[f"centroids_{name}"] = rows(quantizer.reconstruct_n(0, 12))
        fixture[f"sampled_{name}"] = rows(two.quantizer.reconstruct_n(0, 2))
        index.add(kept[:4])
        write(f"ivf_{name}_sparse", index)
        index.add(kept[4:])
        index.nprobe = 3
        write(f"ivf_{name}", index)
        fixture[f"ivf_{name}"] = answer(index, queries)
    scalar = faiss.IndexScalarQuantizer(D, faiss.ScalarQuantizer.QT_8bit)
    scalar.train(x[:500])
    scalar.add(x)
    fixture["scalar_codes"] = rows(faiss.vector_to_array(scalar.codes))
    fixture["scalar"] = answer(scalar, queries)
    for name, metric in [("l2", faiss.METRIC_L2), ("ip", faiss.METRIC_INNER_PRODUCT)]:
        for kind, index in [
            ("scalar", faiss.IndexScalarQuantizer(D, faiss.ScalarQuantizer.QT_8bit, metric)),
            ("product", faiss.IndexPQ(D, 2, 8, metric)),
        ]:
            index.train(x)
            index.add(kept)
            write(f"{kind}_{name}", index)
            fixture[f"{kind}_{name}"] = answer(index, queries)
    product = faiss.IndexPQ(D, 4, 8)
    product.train(x)
    product.add(x)
    flat = faiss.IndexFlatL2(D)
    flat.add(x)
    truth, found = flat.search(queries, K)[1], product.search(queries, K)[1]
    fixture["product_recall"] = float(np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(truth, found)]))
    (FOLDER / "index.json").write_text(json.dumps(fixture))


def check(folder):
    for path in sorted(pathlib.Path(folder).glob("*.faiss")):
        written = faiss.serialize_index(faiss.read_index(str(path))).tobytes()
        print(path.name, "the same" if written == path.read_bytes() else "NOT the same")


if sys.argv[1:2] == ["check"]:
    check(sys.argv[2])
else:
    make()
