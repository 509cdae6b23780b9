"""Times writing by `generate_bench` in turn with transformers on as many threads: the same shapes, random weights, f32.

    cargo build --release -p nn --example generate_bench
    python tests/bench/generate.py target/release/examples/generate_bench [ROUNDS [WORK ...]]
"""

import statistics
import subprocess
import sys
import time

import torch

THREADS, ITERATIONS = 2, 3


def peer(work):
    from transformers import GPT2Config, GPT2LMHeadModel, M2M100Config, M2M100ForConditionalGeneration

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    length = 64 if work == "greedy" else 32
    ids = torch.tensor([[1000 + text * 128 + place for place in range(length)] for text in range(8)])
    options = dict(max_new_tokens=32, min_new_tokens=32, do_sample=False, pad_token_id=1, attention_mask=torch.ones_like(ids))
    if work == "greedy":
        model = GPT2LMHeadModel(GPT2Config(eos_token_id=None)).eval()
    else:
        config = M2M100Config(
            vocab_size=32000, d_model=512, encoder_layers=6, decoder_layers=6, encoder_attention_heads=8,
            decoder_attention_heads=8, encoder_ffn_dim=2048, decoder_ffn_dim=2048, eos_token_id=None,
        )
        model = M2M100ForConditionalGeneration(config).eval()
        options["num_beams"] = 5
    seconds = []
    with torch.no_grad():
        for _ in range(1 + ITERATIONS):
            start = time.perf_counter()
            output = model.generate(ids, **options)
            seconds.append(time.perf_counter() - start)
    assert output.shape[1] == 32 + (length if work == "greedy" else 1)
    print(statistics.median(seconds[1:]))


def main(binary, rounds=2, *works):
    for work in works or ("greedy", "translate"):
        ours, theirs = [], []
        for _ in range(int(rounds)):
            for found, command in [
                (ours, [binary, work, str(THREADS), str(ITERATIONS)]), (theirs, [sys.executable, __file__, "peer", work]),
            ]:
                found.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]))
        ours, theirs = statistics.median(ours), statistics.median(theirs)
        print(f"{work}: {ours:.3f} s, transformers {theirs:.3f} s: {theirs / ours:.2f} times", flush=True)


if __name__ == "__main__":
    peer(sys.argv[2]) if sys.argv[1] == "peer" else main(*sys.argv[1:])
