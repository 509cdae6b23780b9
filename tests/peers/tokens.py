"""Makes tests/fixtures/tokens/: two small tokenizers trained here, and what the `tokenizers` library makes of small texts.

`python tests/peers/tokens.py` writes them; `python tests/peers/tokens.py minilm FOLDER` prints what it makes of the same texts with
the tokenizer.json in a folder, for the test on the real MiniLM. With tokenizers 0.23.3.

Offsets are bytes of the text; the library counts characters.
"""

import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from small_texts import OTHERS, TEXTS

HERE = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "tokens"

MORE = [
    "a [MASK] in the text, and [SEP] too",
    "a <mask> in the text, and </s> too",
    "left   <mask>   and right",
    " ".join(f"word{i} is number {i}, the next;" for i in range(30)),
    "no_space_at_all_" * 20,
    "中文" * 50 + " and some English after it",
    " leading and trailing  ",
]
ALL = TEXTS + OTHERS + MORE
PAIRS = [
    (ALL[0], ALL[16]),
    (ALL[17], ""),
    ("", ""),
    (ALL[31], ALL[0]),
    (ALL[0], ALL[31]),
    (ALL[31], ALL[31]),
    (ALL[31], ALL[31] + " and more of it"),
    (ALL[31] + " and more of it", ALL[31]),
    (ALL[33], ALL[5]),
]


def wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    # Settings that must not count.
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(5)
    return tokenizer


def bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=500, special_tokens=special, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    from tokenizers import AddedToken

    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def in_bytes(text, place):
    return len(text[:place].encode())


def entry(encoding, texts):
    offsets = []
    for place, (start, end) in enumerate(encoding.offsets):
        sequence = encoding.token_to_sequence(place)
        text = texts[sequence or 0]
        offsets.append([in_bytes(text, start), in_bytes(text, end)] if sequence is not None else [0, 0])
    return {
        "ids": encoding.ids,
        "type_ids": "".join(map(str, encoding.type_ids)),
        "special": "".join(map(str, encoding.special_tokens_mask)),
        "offsets": offsets,
        "truncated": bool(encoding.overflowing),
    }


def outputs(tokenizer):
    tokenizer.no_padding()
    cases = []

    def add(options, inputs, encodings):
        cases.append({"options": options, "inputs": inputs, "outputs": encodings})

    def encode(inputs, length, special=True, **truncation):
        tokenizer.no_truncation()
        whole = tokenizer.encode(*inputs, add_special_tokens=special)
        if length:
            tokenizer.enable_truncation(length, **truncation)
        one = entry(tokenizer.encode(*inputs, add_special_tokens=special), inputs)
        # The library stops reading when it has enough, and then may not see that there is more.
        one["truncated"] = length is not None and len(whole.ids) > length
        return one

    for length, special, side in [(None, True, "right"), (12, True, "right"), (12, False, "left"), (3, True, "left"), (40, False, "right")]:
        options = {"max_length": length, "add_special": special, "side": side, "truncation": "longest_first"}
        add(options, ALL, [encode([text], length, special, direction=side) for text in ALL])
    for length, rule in [(None, "longest_first"), (16, "longest_first"), (17, "longest_first"), (90, "only_first")]:
        options = {"max_length": length, "add_special": True, "side": "right", "truncation": rule}
        kept, encodings = [], []
        for pair in PAIRS:
            try:
                encodings.append(encode(pair, length, strategy=rule))
            except Exception:  # the second leaves no room
                continue
            kept.append(pair)
        add(options, kept, encodings)
    tokenizer.no_truncation()
    decoded = [tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=True) for text in ALL]
    return {"vocab_size": tokenizer.get_vocab_size(), "cases": cases, "decoded": decoded}


def lines(value):
    cases = ",\n".join(
        '{"options": %s, "inputs": %s, "outputs": [\n%s\n]}'
        % (
            json.dumps(case["options"]), json.dumps(case["inputs"], ensure_ascii=False),
            ",\n".join(json.dumps(one, separators=(",", ":")) for one in case["outputs"]),
        )
        for case in value["cases"]
    )
    return '{"vocab_size": %d, "cases": [\n%s\n], "decoded": %s}\n' % (
        value["vocab_size"], cases, json.dumps(value["decoded"], ensure_ascii=False),
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["minilm"]:
        loaded = Tokenizer.from_file(str(pathlib.Path(sys.argv[2], "tokenizer.json")))
        print(lines(outputs(loaded)))
        sys.exit()
    HERE.mkdir(exist_ok=True)
    for name, make in [("wordpiece", wordpiece), ("bpe", bpe)]:
        tokenizer = make()
        tokenizer.save(str(HERE / f"{name}.json"), pretty=False)
        (HERE / f"{name}_expected.json").write_text(lines(outputs(tokenizer)), encoding="utf-8")
