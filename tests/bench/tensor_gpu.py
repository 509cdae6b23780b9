"""The tensors on graphics cards beside PyTorch's: one command for whoever has a card.

    pip install torch transformers          # the build for the card: CUDA, ROCm or Apple's
    python tests/bench/tensor_gpu.py

It runs the tests of the shaders on the card, measures the card (multiply-adds on registers, copies, launches) and products, and
times training steps of BERT-base and of a GPT-2 of 124 million parameters, ours alternating with PyTorch's, each in a process of its
own. It prints Markdown for tests/bench/RESULTS.md: medians and ratios. What is missing (an adapter, PyTorch, transformers, a device
that PyTorch knows, memory for a batch) is said, and the rest goes on.

    --adapter N      the adapter, as `engine devices` lists it (0)
    --rounds N       how often each side is measured (3)
    --parts LIST     some of tests,kernels,training
    --tiny           small sizes, and PyTorch on its CPU where it knows no card: to try this script on a software adapter
    --profile NAME   the profile of cargo (release)

PyTorch's f32 is measured as it comes, without TF32, as ours; f16 is mixed precision on both sides.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time

PARTS = ["tests", "kernels", "training"]
# The model, texts and tokens of a text.
TRAINING = [("bert", 4, 128), ("bert", 32, 128), ("gpt2", 2, 256), ("gpt2", 8, 512)]
TINY_TRAINING = [("bert", 2, 16), ("gpt2", 2, 16)]
PRECISIONS = ["f32", "f16"]


def cargo(options, *words):
    return ["cargo", *words[:1], "--profile", options.profile, "-q", *words[1:]]


def lines_of_json(command):
    """The objects that a command prints, and why there are none."""
    done = subprocess.run(command, capture_output=True, text=True)
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    said = [line for line in done.stderr.splitlines() if line.strip()]
    reason = said[-1] if said else f"it ended with {done.returncode} and said nothing"
    return (found, "") if done.returncode == 0 and found else ([], reason)


class Torch:
    """PyTorch on its fastest device, or the reason why there is none."""

    def __init__(self, tiny):
        self.device = None
        try:
            import torch
        except ImportError:
            self.reason = "PyTorch is not installed"
            return
        self.torch, self.tiny = torch, tiny
        if torch.cuda.is_available():
            self.device, self.name = "cuda", f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}"
        elif torch.backends.mps.is_available():
            self.device, self.name = "mps", f"Apple's GPU, PyTorch {torch.__version__}"
        elif tiny:
            self.device, self.name = "cpu", f"the CPU, PyTorch {torch.__version__}: no card that it knows"
        else:
            self.reason = f"PyTorch {torch.__version__} has neither cuda (nor ROCm) nor mps here"
            return
        torch.backends.cuda.matmul.allow_tf32 = False

    def wait(self):
        getattr(self.torch, self.device).synchronize()

    def least_seconds(self, work):
        work()
        self.wait()
        least = float("inf")
        count = 1 if self.tiny else 10
        for _ in range(4):
            start = time.perf_counter()
            for _ in range(count):
                work()
            self.wait()
            least = min(least, (time.perf_counter() - start) / count)
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
            source = torch.zeros((4 if self.tiny else 128) << 20, device=self.device)
            target = torch.empty_like(source)
            return 2 * 4 * source.numel() / self.least_seconds(lambda: target.copy_(source)) / 1e9
        if name.startswith("launch, done"):
            counter = torch.zeros(64, device=self.device)
            return self.least_seconds(lambda: [counter.add_(1) for _ in range(100)]) / 100 * 1e6
        return None

    def train(self, work, texts, length, precision, iterations):
        """Median seconds of a step and the most memory that tensors took (None where PyTorch does not say)."""
        torch = self.torch
        from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        if work == "bert":
            small = {"vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
                     "intermediate_size": 256}
            model = BertForSequenceClassification(BertConfig(**small if self.tiny else {}))
        else:
            small = {"vocab_size": 1000, "n_embd": 64, "n_layer": 2, "n_head": 4, "bos_token_id": 999, "eos_token_id": 999}
            model = GPT2LMHeadModel(GPT2Config(**small if self.tiny else {}))
        model = model.to(self.device).train()
        ids = torch.randint(50, 950, (texts, length), device=self.device)
        labels = torch.arange(texts, device=self.device) % 2 if work == "bert" else ids
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)
        halves = precision == "f16"
        scaler = torch.amp.GradScaler(self.device, enabled=halves and self.device == "cuda")

        def step():
            optimizer.zero_grad()
            with torch.autocast(self.device, torch.float16, enabled=halves):
                loss = model(input_ids=ids, labels=labels).loss
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            self.wait()

        seconds = []
        for _ in range(iterations + 2):
            start = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - start)
        peak = torch.cuda.max_memory_allocated() if self.device == "cuda" else None
        return {"seconds": statistics.median(seconds[2:]), "peak_bytes": peak}


def peer(options, *words):
    """What PyTorch measures, in a process of its own that leaves the card's memory when it ends."""
    return lines_of_json([sys.executable, __file__, *(["--tiny"] if options.tiny else []), "--peer", *map(str, words)])


def serve(options):
    """The peer's process: prints one object."""
    torch = Torch(options.tiny)
    if torch.device is None:
        sys.exit(torch.reason)
    what, *words = options.peer
    if what == "name":
        found = {"name": torch.name}
    elif what == "kernels":
        found = {name: rate for name in words if (rate := torch.rate(name)) is not None}
    else:
        work, texts, length, precision, iterations = words
        found = torch.train(work, int(texts), int(length), precision, int(iterations))
    print(json.dumps(found))


def tests(options):
    print("\n### Tests of the shaders\n", flush=True)
    command = ["cargo", "test", "-p", "tensor", "-q", "--lib", "--tests", "conform" if options.tiny else ""]
    shown = "ENGINE_REQUIRE_GPU=1 " + " ".join(word for word in command if word)
    done = subprocess.run([word for word in command if word], env={**os.environ, "ENGINE_REQUIRE_GPU": "1"}, capture_output=True, text=True)
    counts = re.findall(r"(\d+) passed; (\d+) failed", done.stdout)
    passed, failed = (sum(int(pair[place]) for pair in counts) for place in (0, 1))
    if done.returncode == 0:
        print(f"`{shown}` on adapter 0: {passed} passed.")
    else:
        print(f"`{shown}` on adapter 0: {passed} passed, {failed} failed. What it said last:\n")
        print("\n".join("    " + line for line in (done.stdout + done.stderr).splitlines()[-30:]))


def ratio(ours, theirs):
    return f"{ours / theirs:.2f}" if ours and theirs else "-"


def kernels(options, has_peer):
    print("\n### Kernels\n", flush=True)
    ours = cargo(options, "run", "-p", "tensor", "--example", "gpu_bench", "--", "--json", "--adapter", str(options.adapter))
    mine, theirs, card = {}, {}, None
    for _ in range(options.rounds):
        found, reason = lines_of_json(ours + (["--tiny"] if options.tiny else []))
        if not found:
            print(f"No figures of ours: {reason}")
            return
        card = found[0]
        for name, rate in card["rates"].items():
            mine.setdefault(name, []).append(rate)
        if has_peer:
            found, reason = peer(options, "kernels", *mine)
            if not found:
                print(f"No figures of PyTorch's in this round: {reason}\n")
            for name, rate in (found[0] if found else {}).items():
                theirs.setdefault(name, []).append(rate)
    cooperative = "with" if card["cooperative"] else "without"
    print(f"gpu:{card['index']} {card['name']} ({card['kind']}, {card['driver']}), {cooperative} cooperative matrices for f16\n")
    medians = {name: statistics.median(rates) for name, rates in mine.items()}
    peak = next(rate for name, rate in medians.items() if name.startswith("multiply-adds"))
    print("| work | ours | share of f32 multiply-adds | PyTorch | ratio |\n|---|---|---|---|---|")
    for name, our in medians.items():
        share = f"{100 * our / peak:.0f} %" if name.startswith("matmul") else "-"
        their = statistics.median(theirs[name]) if name in theirs else None
        faster = ratio(their, our) if "[us]" in name else ratio(our, their)
        print(f"| {name} | {our:.1f} | {share} | {f'{their:.1f}' if their else '-'} | {faster} |")
    if not any(name.startswith("matmul f16") for name in medians):
        print("\nThe adapter has no f16.")


def training(options, has_peer):
    print("\n### Training steps\n", flush=True)
    iterations = 2 if options.tiny else 10
    print("| model | texts x tokens | precision | ours, tokens/s | PyTorch, tokens/s | ratio | peak memory, ours, MB | PyTorch's |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    notes = []
    for work, texts, length in TINY_TRAINING if options.tiny else TRAINING:
        for precision in PRECISIONS:
            ours = cargo(options, "run", "-p", "nn", "--example", "train_bench", "--", work, "--device", f"gpu:{options.adapter}",
                         "--texts", str(texts), "--length", str(length), "--precision", precision, "--iterations", str(iterations))
            ours += ["--tiny"] if options.tiny else []
            sides = {"ours": [], "PyTorch": []}
            for _ in range(options.rounds):
                runs = {"ours": lambda: lines_of_json(ours)}
                if has_peer:
                    runs["PyTorch"] = lambda: peer(options, "train", work, texts, length, precision, iterations)
                for side, run in runs.items():
                    found, reason = run()
                    sides[side] += found
                    note = f"{side}, {work} {texts}x{length} in {precision}: {reason}"
                    if not found and note not in notes:
                        notes.append(note)
            rates, peaks = {}, {}
            for side, found in sides.items():
                rates[side] = texts * length / statistics.median(one["seconds"] for one in found) if found else None
                most = [one["peak_bytes"] for one in found if one["peak_bytes"]]
                peaks[side] = f"{max(most) / 1e6:.0f}" if most else "-"
            shown = {side: f"{rate:.0f}" if rate else "-" for side, rate in rates.items()}
            print(f"| {work} | {texts} x {length} | {precision} | {shown['ours']} | {shown['PyTorch']} | "
                  f"{ratio(rates['ours'], rates['PyTorch'])} | {peaks['ours']} | {peaks['PyTorch']} |", flush=True)
    for note in notes:
        print(f"\nMissing: {note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--profile", default="release")
    parser.add_argument("--peer", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        serve(options)
        return
    parts = options.parts.split(",")
    if unknown := [part for part in parts if part not in PARTS]:
        sys.exit(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    found, reason = peer(options, "name")
    print(f"PyTorch: {found[0]['name'] if found else 'none, since ' + reason}", flush=True)
    if "tests" in parts:
        tests(options)
    if "kernels" in parts:
        kernels(options, bool(found))
    if "training" in parts:
        training(options, bool(found))


if __name__ == "__main__":
    main()
