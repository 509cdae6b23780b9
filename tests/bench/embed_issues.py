"""Embeds the texts of a file of issues with `engine` and with sentence-transformers, in turn, as whole processes: read the
file, cut texts to 128 tokens, mean pooling, vectors of length 1, a Parquet file of them; both cores, f32, and in the precision
that the processor is fast at.

    pip install sentence-transformers pandas pyarrow
    cargo build --release
    python tests/bench/embed_issues.py target/release/engine ISSUES.jsonl.gz MODEL [--rounds 2]

Prints medians of the seconds, their ratios, and the least cosine between the two systems' vectors of a text.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PIPELINE = """
[pipeline]
name = "embed"

[steps.issues]
op     = "load"
source = "{data}"
format = "github-issues"

[steps.texts]
op      = "select"
input   = "issues.table"
concat  = {{ text = {{ columns = ["title", "body"], separator = "\\n\\n" }} }}
columns = ["number", "text"]

[steps.base]
op    = "model"
model = "{model}"

[steps.vectors]
op         = "embed"
input      = {{ table = "texts", model = "base" }}
max_length = 128
pooling    = "mean"
normalize  = true
precision  = "{precision}"
"""

PEER = """
import sys
import pandas, torch
from sentence_transformers import SentenceTransformer
torch.set_num_threads(2)
data, folder, to, kind = sys.argv[1:]
issues = pandas.read_json(data, lines=True)
texts = (issues["title"].fillna("") + "\\n\\n" + issues["body"].fillna("")).tolist()
model = SentenceTransformer(folder, device="cpu", model_kwargs={"torch_dtype": getattr(torch, kind)})
model.max_seq_length = 128
vectors = model.encode(texts, batch_size=32, normalize_embeddings=True, convert_to_tensor=True).float().numpy()
pandas.DataFrame({"number": issues["number"], "vector": list(vectors)}).to_parquet(to)
"""


def timed(command):
    began = time.perf_counter()
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.perf_counter() - began


def embed_with_engine(arguments, folder, precision):
    pipeline, cache, vectors = folder / "embed.toml", folder / "cache", folder / f"{precision}.parquet"
    data, model = (pathlib.Path(path).resolve() for path in (arguments.data, arguments.model))
    pipeline.write_text(PIPELINE.format(data=data, model=model, precision=precision))
    seconds = timed([arguments.engine, "run", pipeline, "--cache", cache, "--device", "cpu", "--force", "vectors"])
    timed([arguments.engine, "show", pipeline, "vectors", "--cache", cache, "--export", folder / "shown.parquet"])
    (folder / "shown.parquet").rename(vectors)
    return seconds


def least_cosine(first, second):
    import numpy
    import pandas

    tables = [pandas.read_parquet(path).set_index("number")["vector"] for path in (first, second)]
    ours, theirs = (numpy.stack(table.sort_index().to_list()) for table in tables)
    return float((ours * theirs).sum(1).min())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine")
    parser.add_argument("data")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root)
        (folder / ".engine").mkdir()
        times = {"engine, f32": [], "engine, auto": [], "sentence-transformers, f32": [], "sentence-transformers, bf16": []}
        for _ in range(arguments.rounds):
            for precision in ("f32", "auto"):
                times[f"engine, {precision}"].append(embed_with_engine(arguments, folder, precision))
            for name, kind in (("f32", "float32"), ("bf16", "bfloat16")):
                command = [sys.executable, "-c", PEER, arguments.data, arguments.model, folder / f"peer-{name}.parquet", kind]
                times[f"sentence-transformers, {name}"].append(timed(command))
        medians = {name: statistics.median(seconds) for name, seconds in times.items()}
        for name, seconds in medians.items():
            print(f"{name}: {seconds:.1f} s")
        peer, best = medians["sentence-transformers, f32"], min(list(medians.values())[2:])
        print(f"f32 against f32: {peer / medians['engine, f32']:.2f} times as fast")
        print(f"auto against its f32: {peer / medians['engine, auto']:.2f}, against its best: {best / medians['engine, auto']:.2f}")
        print(f"least cosine, f32: {least_cosine(folder / 'f32.parquet', folder / 'peer-f32.parquet'):.6f}")
        print(f"least cosine, auto to f32: {least_cosine(folder / 'auto.parquet', folder / 'peer-f32.parquet'):.6f}")


if __name__ == "__main__":
    main()
