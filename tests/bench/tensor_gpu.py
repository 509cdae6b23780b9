"""The GPU side of ops/tensor beside PyTorch's, on every adapter: one command for whoever has a card.

    python tests/bench/tensor_gpu.py [--adapter N] [--rounds 3]

Builds and runs `cargo run --release -p tensor --example gpu_bench -- --json`, alternating with PyTorch on cuda or mps where
that is available; prints medians and ratios as a Markdown table. Without PyTorch, or without a device of its own for it,
only our figures are printed, and the table says so. PyTorch's f32 is measured as it comes (without TF32, as ours).
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time


def ours(adapter):
    command = ["cargo", "run", "--release", "-q", "-p", "tensor", "--example", "gpu_bench", "--", "--json"]
    if adapter is not None:
        command += ["--adapter", str(adapter)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class Torch:
    """PyTorch on its fastest device, or the reason why there is none."""

    def __init__(self):
        self.device = None
        try:
            import torch
        except ImportError:
            self.reason = "PyTorch is not installed"
            return
        self.torch = torch
        if torch.cuda.is_available():
            self.device, self.name = "cuda", torch.cuda.get_device_name()
        elif torch.backends.mps.is_available():
            self.device, self.name = "mps", "mps"
        else:
            self.reason = f"PyTorch {torch.__version__} has neither cuda nor mps here"
            return
        torch.backends.cuda.matmul.allow_tf32 = False

    def wait(self):
        getattr(self.torch, self.device).synchronize()

    def least_seconds(self, work):
        work()
        self.wait()
        least = float("inf")
        for _ in range(4):
            start = time.perf_counter()
            for _ in range(10):
                work()
            self.wait()
            least = min(least, (time.perf_counter() - start) / 10)
        return least

    def rate(self, name):
        """The figure of the same name as ours, in the same unit, or None."""
        torch = self.torch
        square = re.match(r"matmul (f\d+) (\d+)\^3", name)
        general = re.match(r"matmul (f\d+) (\d+)x(\d+)x(\d+)", name)
        if square or general:
            dtype = torch.float32 if "f32" in name else torch.float16
            rows, depth, columns = [int(square[2])] * 3 if square else [int(general[i]) for i in (2, 3, 4)]
            left = torch.zeros(rows, depth, device=self.device, dtype=dtype)
            right = torch.zeros(depth, columns, device=self.device, dtype=dtype)
            out = torch.empty(rows, columns, device=self.device, dtype=dtype)
            return 2 * rows * depth * columns / self.least_seconds(lambda: torch.mm(left, right, out=out)) / 1e9
        if name.startswith("copy"):
            source = torch.zeros(128 << 20, device=self.device)
            target = torch.empty_like(source)
            return 2 * 4 * source.numel() / self.least_seconds(lambda: target.copy_(source)) / 1e9
        if name.startswith("launch, done"):
            counter = torch.zeros(64, device=self.device)
            return self.least_seconds(lambda: [counter.add_(1) for _ in range(100)]) / 100 * 1e6
        return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch = Torch()
    mine, theirs, adapters = {}, {}, {}
    for _ in range(options.rounds):
        for adapter in ours(options.adapter):
            adapters[adapter["index"]] = adapter
            for name, rate in adapter["rates"].items():
                mine.setdefault((adapter["index"], name), []).append(rate)
        for name in {name for _, name in mine} if torch.device else ():
            rate = torch.rate(name)
            if rate is not None:
                theirs.setdefault(name, []).append(rate)
    if not adapters:
        sys.exit("no graphics adapter found")
    for index, adapter in adapters.items():
        cooperative = "with" if adapter["cooperative"] else "without"
        print(f"\ngpu:{index} {adapter['name']} ({adapter['kind']}, {adapter['driver']}), {cooperative} cooperative matrices")
        print(f"PyTorch: {torch.name if torch.device else torch.reason}\n")
        print("| work | ours | PyTorch | ratio |\n|---|---|---|---|")
        for (of, name), rates in mine.items():
            if of != index:
                continue
            our = statistics.median(rates)
            if name in theirs:
                their = statistics.median(theirs[name])
                ratio = their / our if "[us]" in name else our / their
                print(f"| {name} | {our:.1f} | {their:.1f} | {ratio:.2f} |")
            else:
                print(f"| {name} | {our:.1f} | - | - |")


if __name__ == "__main__":
    main()
