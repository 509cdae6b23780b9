"""Fine-tunes on slices of labelled issues with `engine` and with the Hugging Face Trainer, in turn, as whole processes: the
same rows, the same model and hyper-parameters, f32, both cores. Prints micro and macro F1 on the test part and the seconds.

    pip install torch transformers accelerate pandas pyarrow scikit-learn
    cargo build --release
    python tests/bench/fine_tune.py target/release/engine ISSUES.jsonl.gz MODEL [--sizes 64 128 all] [--seeds 0 1 2] [--steps 200] [--pooling cls]

AdamW without decay of weights, a linear schedule with a tenth of warm-up, gradients clipped at a norm of 1; every 100 steps
the loss on the validation part is taken, and the model with the least is kept. One threshold of 0.05, 0.10, ... 0.95, that
with the best micro F1 on the validation part, decides in the test part. Both systems read the three parts from Parquet files.
The Trainer's head reads the first token, as all of `transformers` for BERT; the engine's does with --pooling cls, or the mean with --pooling mean.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PARTS = """
[pipeline]
name = "parts"

[steps.issues]
op     = "load"
source = "{data}"
format = "github-issues"

[steps.texts]
op      = "select"
input   = "issues.table"
concat  = {{ text = {{ columns = ["title", "body"], separator = "\\n\\n" }} }}
columns = ["number", "text", "labels"]

[steps.labelled]
op    = "map_labels"
input = "texts"
map   = "{label_map}"

[steps.unique]
op    = "dedupe"
input = "labelled"
by    = "text"

[steps.distinct]
op        = "dedupe"
method    = "near"
input     = "unique.kept"
by        = "text"
threshold = 0.8

[steps.split]
op     = "split"
input  = "distinct.kept"
method = "iterative"
labels = "labels"
parts  = {{ train = 0.5, valid = 0.25, test = 0.25 }}
matrix = {{ seed = {seeds} }}

[steps.slices]
op     = "slices"
input  = "split.train"
sizes  = [8, 16, 32, 64, 128, "all"]
matrix = "split"
"""

TUNE = """
[pipeline]
name = "tune"
seed = {seed}

[steps.train]
op     = "load"
source = "{folder}/train.parquet"

[steps.valid]
op     = "load"
source = "{folder}/valid.parquet"

[steps.test]
op     = "load"
source = "{folder}/test.parquet"

[steps.base]
op    = "model"
model = "{model}"

[steps.tuned]
op            = "train"
method        = "fine_tune"
input         = {{ train = "train", valid = "valid", model = "base" }}
label_set     = {label_set}
max_length    = 128
pooling       = "{pooling}"
max_steps     = {steps}
batch_size    = 8
learning_rate = {rate}
warmup        = 0.1
best_by       = "loss"
eval_steps    = 100

[steps.valid_scores]
op    = "predict"
input = {{ model = "tuned", table = "valid" }}

[steps.test_scores]
op    = "predict"
input = {{ model = "tuned", table = "test" }}

[steps.scores]
op    = "evaluate"
input = {{ test = "test_scores", valid = "valid_scores", model = "tuned" }}
"""


def tune_with_trainer(arguments):
    """The peer, in a process of its own."""
    import numpy
    import pandas
    import torch
    from sklearn.metrics import f1_score
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments

    torch.set_num_threads(2)
    names = json.loads(arguments.label_set)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    tables = {part: pandas.read_parquet(f"{arguments.folder}/{part}.parquet") for part in ("train", "valid", "test")}
    targets = {
        part: numpy.array([[name in labels for name in names] for labels in table["labels"]], numpy.float32)
        for part, table in tables.items()
    }

    def rows(part):
        texts = [text or "" for text in tables[part]["text"]]
        coded = tokenizer(texts, truncation=True, max_length=128)["input_ids"]
        return [{"input_ids": ids, "labels": labels} for ids, labels in zip(coded, targets[part])]

    def collate(batch):
        padded = tokenizer.pad({"input_ids": [row["input_ids"] for row in batch]}, return_tensors="pt")
        return {**padded, "labels": torch.tensor(numpy.array([row["labels"] for row in batch]))}

    model = AutoModelForSequenceClassification.from_pretrained(
        arguments.model, num_labels=len(names), problem_type="multi_label_classification"
    )
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingArguments(
            output_dir=folder,
            max_steps=arguments.steps,
            per_device_train_batch_size=8,
            per_device_eval_batch_size=32,
            learning_rate=arguments.rate,
            lr_scheduler_type="linear",
            warmup_steps=arguments.steps // 10,
            weight_decay=0.0,
            max_grad_norm=1.0,
            optim="adamw_torch_fused",
            eval_strategy="steps",
            eval_steps=100,
            save_strategy="steps",
            save_steps=100,
            load_best_model_at_end=True,
            metric_for_best_model="loss",
            seed=arguments.seed,
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = Trainer(
            model=model, args=options, train_dataset=rows("train"), eval_dataset=rows("valid"), data_collator=collate
        )
        trainer.train()
        valid, test = (trainer.predict(rows(part)).predictions for part in ("valid", "test"))

    def f1(logits, part, threshold, average):
        predicted = 1 / (1 + numpy.exp(-logits)) > threshold
        return f1_score(targets[part] > 0, predicted, average=average, zero_division=0)

    # Labels without a row to learn from are predicted absent, as ours are.
    absent = targets["train"].sum(0) == 0
    valid[:, absent] = test[:, absent] = -100
    best = max((step / 20 for step in range(1, 20)), key=lambda threshold: (f1(valid, "valid", threshold, "micro"), threshold))
    print(json.dumps([f1(test, "test", best, "micro"), f1(test, "test", best, "macro")]))


def timed(command):
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout, time.perf_counter() - began


def prepare(arguments, folder):
    """The parts of each seed and size as Parquet files; the names of the labels."""
    import pandas

    data, label_map = pathlib.Path(arguments.data).resolve(), pathlib.Path(arguments.label_map).resolve()
    pipeline = folder / "parts.toml"
    pipeline.write_text(PARTS.format(data=data, label_map=label_map, seeds=arguments.seeds))
    timed([arguments.engine, "run", pipeline, "--cache", folder / "parts"])
    names = set()
    for seed in arguments.seeds:
        for size in arguments.sizes:
            into = folder / f"{size}-{seed}"
            into.mkdir()
            outputs = {"train": f"slices[seed={seed}].{size}", "valid": f"split[seed={seed}].valid", "test": f"split[seed={seed}].test"}
            for part, output in outputs.items():
                target = into / f"{part}.parquet"
                timed([arguments.engine, "show", pipeline, output, "--cache", folder / "parts", "--export", target])
            for labels in pandas.read_parquet(into / "valid.parquet")["labels"]:
                names.update(labels)
    return sorted(names)


def tune_with_engine(arguments, folder, names, seed):
    pipeline = folder / "tune.toml"
    model = pathlib.Path(arguments.model).resolve()
    text = TUNE.format(
        folder=folder, model=model, label_set=json.dumps(names), seed=seed, steps=arguments.steps, rate=arguments.rate, pooling=arguments.pooling
    )
    pipeline.write_text(text)
    cache = folder / "cache"
    _, seconds = timed([arguments.engine, "run", pipeline, "--cache", cache, "--device", "cpu"])
    shown, _ = timed([arguments.engine, "show", pipeline, "scores", "--cache", cache, "--json"])
    metrics = json.loads(shown)
    return metrics["micro_f1"], metrics["macro_f1"], seconds


def compare(arguments):
    # With a root of its own, so that nothing of this folder's settings or caches plays a part.
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root)
        (folder / ".engine").mkdir()
        names = prepare(arguments, folder)
        for size in arguments.sizes:
            results = {"engine": [], "trainer": []}
            for seed in arguments.seeds:
                part = folder / f"{size}-{seed}"
                results["engine"].append(tune_with_engine(arguments, part, names, seed))
                command = [sys.executable, __file__, "--peer", part, json.dumps(names)]
                command += [arguments.engine, arguments.data, arguments.model]
                command += ["--steps", arguments.steps, "--rate", arguments.rate, "--seeds", seed]
                printed, seconds = timed(list(map(str, command)))
                results["trainer"].append((*json.loads(printed.splitlines()[-1]), seconds))
                for system, found in results.items():
                    micro, macro, seconds = found[-1]
                    print(f"  {size}, seed {seed}, {system}: micro F1 {micro:.3f}, macro F1 {macro:.3f}, {seconds:.1f} s", flush=True)
            for system, found in results.items():
                columns = list(zip(*found))
                bands = [f"{statistics.mean(c):.3f} ± {statistics.stdev(c) if len(c) > 1 else 0:.3f}" for c in columns[:2]]
                print(f"{size}, {system}: micro F1 {bands[0]}, macro F1 {bands[1]}, median {statistics.median(columns[2]):.1f} s")
            ratios = [peer[2] / ours[2] for ours, peer in zip(results["engine"], results["trainer"])]
            print(f"{size}: the Trainer takes {statistics.median(ratios):.2f} times as long", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine")
    parser.add_argument("data")
    parser.add_argument("model")
    parser.add_argument("--sizes", nargs="+", default=["64", "128", "all"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--pooling", choices=["cls", "mean"], default="cls")
    parser.add_argument("--label-map", default="pipelines/labels/datasets.toml")
    parser.add_argument("--peer", nargs=2, metavar=("FOLDER", "LABELS"), help="run the Trainer on one slice")
    arguments = parser.parse_args()
    if arguments.peer:
        arguments.folder, arguments.label_set = arguments.peer
        arguments.seed = arguments.seeds[0]
        tune_with_trainer(arguments)
    else:
        compare(arguments)


if __name__ == "__main__":
    main()
