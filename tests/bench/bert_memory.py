"""The peak memory of a process that makes training steps of BERT-base, beside PyTorch's.

    pip install torch transformers
    cargo build --release -p nn --example bert_bench
    python tests/bench/bert_memory.py target/release/examples/bert_bench

The steps are those of bert.py. PyTorch's process is measured twice: whole, and less what it held before it made the model, since
its libraries and Python take memory that no step needs.
"""

import os
import subprocess
import sys

import bert

BEFORE = '''
import resource, torch, transformers
from transformers import BertConfig, BertForSequenceClassification
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
'''


def peak(command: list[str]) -> float:
    """MB that a process held at most."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return usage.ru_maxrss * 1024 / 1e6


def main() -> None:
    ours = peak([sys.argv[1], "train", "2", "4"])
    theirs = peak([sys.executable, "-c", bert.PEER, "train", "4", "float32"])
    before = peak([sys.executable, "-c", BEFORE])
    print(f"ours {ours:.0f} MB; PyTorch {theirs:.0f} MB, of which {before:.0f} MB before the model")


if __name__ == "__main__":
    main()
