"""Times BERT natively beside PyTorch: the forward pass of MiniLM's shape in f32 and in halves (PyTorch's best of f32, bf16
and f16), and the training step of BERT-base in f32, in turn.

    pip install torch transformers
    cargo build --release -p nn --example bert_bench
    python tests/bench/bert.py target/release/examples/bert_bench [ROUNDS [WORK ...]]

Each round is a process of ours and one of PyTorch's, 2 threads each; prints medians of the rounds and their ratio.
"""

import statistics
import subprocess
import sys

PEER = '''
import sys, time, statistics, torch
from transformers import BertConfig, BertModel, BertForSequenceClassification
torch.set_num_threads(2)
torch.manual_seed(0)
if sys.argv[1].startswith("minilm"):
    config = BertConfig(hidden_size=384, num_hidden_layers=6, intermediate_size=1536)
    model = BertModel(config, add_pooling_layer=False).eval().to(getattr(torch, sys.argv[3]))
    ids = torch.randint(1000, 20000, (32, 128))
    mask = torch.ones_like(ids)
    def work():
        with torch.inference_mode():
            hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
            torch.nn.functional.normalize(hidden.mean(1), dim=1)
else:
    model = BertForSequenceClassification(BertConfig()).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, fused=True)
    ids = torch.randint(1000, 20000, (4, 128))
    labels = torch.tensor([0, 1, 0, 1])
    def work():
        optimizer.zero_grad()
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
seconds = []
for _ in range(int(sys.argv[2]) + 2):
    began = time.perf_counter()
    work()
    seconds.append(time.perf_counter() - began)
print(statistics.median(seconds[2:]))
'''


def last_number(command: list[str]) -> float:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def main() -> None:
    ours = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    types = {"minilm": ["float32"], "minilm-half": ["float32", "bfloat16", "float16"], "train": ["float32"]}
    for work in sys.argv[3:] or types:
        tokens = 4 * 128 if work == "train" else 32 * 128
        times: dict[str, list[float]] = {name: [] for name in ["ours", *types[work]]}
        for _ in range(rounds):
            times["ours"].append(last_number([ours, work, "2", "5"]))
            for kind in types[work]:
                times[kind].append(last_number([sys.executable, "-c", PEER, work, "5", kind]))
        medians = {name: statistics.median(values) for name, values in times.items()}
        rates = ", ".join(f"{name} {tokens / seconds:.0f} tokens/s" for name, seconds in medians.items())
        mine = medians.pop("ours")
        print(f"{work}: {rates}, ratio {min(medians.values()) / mine:.2f}", flush=True)


if __name__ == "__main__":
    main()
