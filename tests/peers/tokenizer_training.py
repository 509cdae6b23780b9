"""Makes tests/fixtures/tokenizer_training.json: a byte-level BPE vocabulary as the `tokenizers` package learns it.

    pip install tokenizers && python tests/peers/tokenizer_training.py
"""
import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

WORDS = "load loader loading loads reload file files filed crash crashes crashed empty emptied index indexes token tokens".split()
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def texts():
    """500 texts of words drawn by a linear congruential generator; the test in Rust draws the same."""
    state = 1
    for _ in range(500):
        words = []
        for _ in range(12):
            state = (state * 1103515245 + 12345) % 2**31
            words.append(WORDS[(state >> 16) % len(WORDS)])
        yield " ".join(words)


if __name__ == "__main__":
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        min_frequency=2,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts(), trainer)
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    path = Path(__file__).parent.parent / "fixtures" / "tokenizer_training.json"
    path.write_text(json.dumps([token for token, _ in vocabulary], ensure_ascii=False) + "\n")
