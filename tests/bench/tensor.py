"""Times the tensor crate's kernels on the processor beside PyTorch's, in turn, and beside what the processor could do at most.

    pip install torch numpy
    cargo build --release -p tensor --examples
    python tests/bench/tensor.py target/release/examples [THREADS [BENCH ...]]

Prints Markdown: medians of rounds in which each side runs once. PyTorch keeps its defaults but for the number of threads.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

ROUNDS = 7
# Milliseconds of repetitions in a round.
ROUND_TIME = 60
# Lets the other side's threads, which spin for a while, go to sleep.
PAUSE = 0.02
HALVES = "x W^T, halves"

# M, N, K and the product.
Row = tuple[tuple[int, int, int], str]


class Server:
    """An example of the crate that answers one line of a request with a number."""

    def __init__(self, path: Path, threads: int) -> None:
        self.process = subprocess.Popen([path, "serve", str(threads)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *words: object) -> float:
        assert self.process.stdin and self.process.stdout
        time.sleep(PAUSE)
        print(*words, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"no answer to: {' '.join(map(str, words))}")
        return float(line)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def seconds(call: Callable[[], object]) -> float:
    """The median time of a call, repeated for the time of a round."""
    time.sleep(PAUSE)
    for _ in range(2):
        call()
    times = []
    begin = time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begin < ROUND_TIME / 1000:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def in_turn(rows: dict[Row, dict[str, Callable[[], float]]]) -> dict[Row, dict[str, float]]:
    """Medians over rounds in which every side of every row is measured once, so that what disturbs the machine for a second
    falls on one round of a few rows."""
    taken = {row: {name: [] for name in sides} for row, sides in rows.items()}
    for _ in range(ROUNDS):
        for row, sides in rows.items():
            for name, measure in sides.items():
                taken[row][name].append(measure())
    return {row: {name: statistics.median(values) for name, values in sides.items()} for row, sides in taken.items()}


def gemm(folder: Path, threads: int) -> None:
    """Products of a BERT-base layer on 512 and 4,096 tokens, and a square: inference, the three of a training step, halves."""
    shapes = [(512, 768, 768), (512, 3072, 768), (512, 768, 3072), (1024, 1024, 1024), (4096, 768, 768)]  # M, N, K
    few = [(1, 3072, 768), (8, 3072, 768), (8, 768, 3072), (32, 3072, 768)]
    ours = Server(folder / "gemm_bench", threads)
    peaks = {kind: max(ours.ask("peak", kind) for _ in range(3)) for kind in ("f32", "bf16", "f16")}
    print(f"f32 peak {peaks['f32'] / 1e9:.1f} GFLOP/s on {threads} threads; bf16 dot products {peaks['bf16'] / 1e9:.1f}; "
          f"f16 {peaks['f16'] / 1e9:.1f}; copy {ours.ask('copy') / 1e9:.1f} GB/s\n")
    print("| M x K x N | product | ours, GFLOP/s | share of peak | PyTorch, GFLOP/s | ratio |")
    print("|---|---|---|---|---|---|")
    linear = torch.nn.functional.linear
    rows: dict[Row, dict[str, Callable[[], float]]] = {}
    for shape in shapes + few:
        m, n, k = shape

        def mine(form: str, precision: str = "f32", shape: tuple[int, int, int] = shape) -> Callable[[], float]:
            return lambda: ours.ask("gemm", form, precision, *shape, ROUND_TIME)

        def peer(call: Callable[..., object], *tensors: torch.Tensor) -> Callable[[], float]:
            return lambda: seconds(lambda: call(*tensors))

        x, weight, left = torch.rand(m, k) - 0.5, torch.rand(n, k) - 0.5, torch.rand(k, m) - 0.5
        right = torch.rand(k, n) - 0.5
        rows[shape, "x W^T, W packed before"] = {"ours": mine("packed"), "f32": peer(linear, x, weight)}
        rows[shape, "x W^T"] = {"ours": mine("forward"), "f32": peer(linear, x, weight)}
        rows[shape, "dy W"] = {"ours": mine("dx"), "f32": peer(torch.matmul, x, right)}
        if shape in shapes:
            rows[shape, "dy^T x"] = {"ours": mine("dw"), "f32": peer(torch.matmul, left.T, right)}
            halves = {name: peer(linear, x.to(kind), weight.to(kind))
                      for name, kind in {"bf16": torch.bfloat16, "f16": torch.float16}.items()}
            rows[shape, HALVES] = {"ours": mine("packed", "half"), "f32": peer(linear, x, weight), **halves}
    with torch.no_grad():
        medians = in_turn(rows)
    for ((m, n, k), name), taken in medians.items():
        rates = {side: 2 * m * n * k / time / 1e9 for side, time in taken.items()}
        rate = rates.pop("ours")
        best, other = max(rates.items(), key=lambda item: item[1])
        label = f" ({best})" if name == HALVES else ""
        peak = max(peaks.values()) if name == HALVES else peaks["f32"]
        print(f"| {m} x {k} x {n} | {name} | {rate:.1f} | {1e11 * rate / peak:.0f} % | {other:.1f}{label} | {rate / other:.2f} |")
    ours.close()


BENCHES: dict[str, Callable[[Path, int], None]] = {"gemm": gemm}


def main() -> None:
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    folder = Path(sys.argv[1])
    threads = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    torch.set_num_threads(threads)
    for name in sys.argv[3:] or BENCHES:
        print(f"\n### {name}\n", flush=True)
        BENCHES[name](folder, threads)


if __name__ == "__main__":
    main()
