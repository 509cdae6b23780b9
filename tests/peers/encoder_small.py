"""Embeds a few texts with pipelines/models/encoder-small as transformers loads it: the mean over the attention mask, at length 1.

    pip install torch transformers
    python tests/peers/encoder_small.py > tests/fixtures/encoder_small.json

tests/e2e/encoder.rs holds the engine's vectors against these.
"""

import json
import pathlib

import torch
from transformers import AutoModel, AutoTokenizer

FOLDER = pathlib.Path(__file__).parents[2] / "pipelines" / "models" / "encoder-small"
TEXTS = [
    "This is an example sentence",
    "load_dataset fails with a KeyError when the CSV file has an empty column",
    "Please add an option to stream the data set instead of downloading it first. " * 20,
    "Ünïcode, ¿signs? and 数字",
]


def main():
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    rows = []
    for text in TEXTS:
        coded = tokenizer(text, truncation=True, max_length=128, return_tensors="pt")
        with torch.no_grad():
            states = model(**coded).last_hidden_state
        mask = coded["attention_mask"].unsqueeze(-1)
        vector = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1))[0]
        rows.append({"text": text, "vector": [round(value, 6) for value in vector.tolist()]})
    lines = ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows)
    print("[\n" + lines + "\n]")


if __name__ == "__main__":
    main()
