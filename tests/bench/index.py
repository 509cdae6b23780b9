"""Times flat and IVF search beside faiss-cpu, in turn, in one run.

`python tests/bench/index.py target/release/examples/index_bench [flat|ivf] [ROUNDS]`, two threads on both sides. The vectors are
random ones of 384 dimensions around 500 centres, at length 1, as embeddings of texts are. Each line gives medians.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

THREADS = 2
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(THREADS)

import faiss
import numpy as np

N, QUERIES, D, K = 100_000, 10_000, 384, 10


def data(rng, centres, n):
    x = centres[rng.integers(len(centres), size=n)] + rng.standard_normal((n, D), dtype=np.float32) * 0.05
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


class Ours:
    def __init__(self, binary, folder):
        self.folder = folder
        self.process = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words):
        answer = f"{self.folder}/answer"
        self.process.stdin.write(" ".join(map(str, [*words, THREADS, answer])) + "\n")
        self.process.stdin.flush()
        seconds = float(self.process.stdout.readline())
        return seconds, np.fromfile(answer, dtype=np.int64).reshape(-1, K)


def race(name, ours, theirs, rounds, truth=None):
    took = [], []
    for _ in range(rounds):
        seconds, found = ours()
        took[0].append(seconds)
        start = time.perf_counter()
        peer = theirs()
        took[1].append(time.perf_counter() - start)
    same = np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(found, peer)])
    line = f"| {name} | {statistics.median(took[0]):.3f} | {statistics.median(took[1]):.3f} "
    line += f"| {statistics.median(took[1]) / statistics.median(took[0]):.2f} | "
    if truth is None:
        line += f"{same:.6f} the same"
    else:
        line += " and ".join(f"{np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(x, truth)]):.4f}" for x in (found, peer))
    print(line + " |", flush=True)
    return peer


def main():
    binary, which = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "flat"
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    faiss.omp_set_num_threads(THREADS)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((500, D)).astype(np.float32) * 0.05
    x, q = data(rng, centres, N), data(rng, centres, QUERIES)
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(binary, folder)
        x.tofile(f"{folder}/x")
        q.tofile(f"{folder}/q")
        print("| work | ours, s | faiss, s | ratio | neighbours |\n|---|---|---|---|---|")
        flat = faiss.IndexFlatL2(D)
        flat.add(x)
        if which == "flat":
            race("flat, L2", lambda: ours.ask("flat", f"{folder}/x", f"{folder}/q", D, "l2", K),
                 lambda: flat.search(q, K)[1], rounds)
            peer = faiss.IndexFlatIP(D)
            peer.add(x)
            race("flat, inner product", lambda: ours.ask("flat", f"{folder}/x", f"{folder}/q", D, "ip", K),
                 lambda: peer.search(q, K)[1], rounds)
            return
        truth = flat.search(q, K)[1]
        quantizer = faiss.IndexFlatL2(D)
        peer = faiss.IndexIVFFlat(quantizer, D, 1024)
        peer.cp.niter = 25
        start = time.perf_counter()
        peer.train(x)
        peer.add(x)
        built = time.perf_counter() - start
        seconds, _ = ours.ask("train", f"{folder}/x", f"{folder}/q", D, "l2", 1024, f"{folder}/ours", K)
        print(f"| train 1,024 lists and add | {seconds:.1f} | {built:.1f} | {built / seconds:.2f} | |", flush=True)
        faiss.write_index(peer, f"{folder}/theirs")
        for probes in (1, 8, 32):
            peer.nprobe = probes
            for side in ("ours", "theirs"):
                race(f"IVF, {probes} of 1,024 lists, lists {side}",
                     lambda: ours.ask("ivf", f"{folder}/{side}", f"{folder}/q", K, probes),
                     lambda: peer.search(q, K)[1], rounds, truth)


main()
