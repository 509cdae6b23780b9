"""Makes tests/fixtures/models/: small random models of `transformers` with their outputs, losses, gradients, and what they write.

`python tests/peers/models.py` writes the fixtures. `python tests/peers/models.py check FOLDER` loads folders that we saved, as the
test `saved_models_are_kept_for_transformers_to_read` does, and compares their outputs with those that we noted beside them. Its outcome on 2026-11-24, with torch 2.15.0 and transformers
5.23.0: nothing missing, nothing unexpected; the largest difference 3.0e-05 (M2M100), of logits up to 5.
"""

import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification, BartConfig,
    BartForConditionalGeneration, BartForSequenceClassification, DistilBertConfig, DistilBertForMaskedLM,
    DistilBertForSequenceClassification, GPT2Config, GPT2LMHeadModel, M2M100Config, M2M100ForConditionalGeneration,
    PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM, RobertaForSequenceClassification, pipeline,
)

HERE = Path(__file__).resolve().parent.parent / "fixtures" / "models"
VOCABULARY, START, PAD, END, MASK = 53, 0, 1, 2, 4
LENGTHS = [7, 1, 12, 4]
LABELS = [2, 0, 1, 2]
ACTIVE = dict(attn_implementation="eager")
NLI = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}
NAMED = dict(id2label=NLI, label2id={name: number for number, name in NLI.items()})


def texts(rng, lengths=LENGTHS):
    return [torch.randint(5, VOCABULARY, (length,), generator=rng).tolist() for length in lengths]


def padded(rows, filler=PAD):
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def inputs(ids):
    return dict(input_ids=padded(ids), attention_mask=padded([[1] * len(row) for row in ids], 0))


def packed(hidden, ids):
    return torch.cat([hidden[text, : len(row)] for text, row in enumerate(ids)]).contiguous()


def spread(model, rng, scale=0.3, inner=None):
    """Biases and scales that are not all alike, so that mistakes with them show; weights large enough to matter."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=rng)
            if parameter.dim() >= 2:
                is_table = any(part in name for part in ("shared", "wte", "wpe", "embed"))
                parameter.copy_((scale if is_table or inner is None else inner) * noise)
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.1 * noise)
            if name.endswith("shared.weight"):
                # As in every trained model: padding is not written, whose positions count in no text.
                parameter[PAD] = 0
        for name, buffer in model.named_buffers():
            if name == "final_logits_bias":
                buffer.copy_(0.5 * torch.randn(buffer.shape, generator=rng))
    return model.eval()


def gradients(model):
    return {f"gradient.{name}": parameter.grad.contiguous() for name, parameter in model.named_parameters()}


def note(folder, model, tensors):
    folder = HERE / folder
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    save_file(tensors, folder / "expected.safetensors", {"format": "pt"})


def encoder_configs():
    distilbert = dict(
        vocab_size=VOCABULARY, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=14, pad_token_id=PAD,
    )
    roberta = dict(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=16, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=PAD,
    )
    return distilbert, roberta


def classification(folder, model, rng, ids):
    spread(model, rng)
    output = model(**inputs(ids), labels=torch.tensor(LABELS), output_hidden_states=True)
    output.loss.backward()
    hidden = {f"hidden.{place}": packed(state, ids) for place, state in enumerate(output.hidden_states)}
    note(folder, model, hidden | {"logits": output.logits, "loss": output.loss} | gradients(model))


def masked(folder, model, rng, ids):
    spread(model, rng)
    labels = torch.full_like(padded(ids), -100)
    places, targets, start = [], [], 0
    for text, row in enumerate(ids):
        for place in range(0, len(row), 3):
            labels[text, place] = (row[place] * 7) % VOCABULARY
            places.append(start + place)
            targets.append((row[place] * 7) % VOCABULARY)
        start += len(row)
    output = model(**inputs(ids), labels=labels)
    output.loss.backward()
    note(folder, model, {"logits": packed(output.logits, ids), "loss": output.loss} | gradients(model))
    return {"places": places, "targets": targets}


def words():
    """A tokenizer of made-up words, with which pipelines can be asked."""
    names = {"<s>": START, "<pad>": PAD, "</s>": END, "<unk>": 3, "<mask>": MASK}
    vocabulary = names | {f"w{token}": token for token in range(5, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", START), ("</s>", END)],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>",
        mask_token="<mask>", model_input_names=["input_ids", "attention_mask"],
    )


def fill_mask(model):
    tokenizer = words()
    sentences = ["w7 w9 <mask> w30", "<mask> w12"]
    ask = pipeline("fill-mask", model=model, tokenizer=tokenizer)
    targets = ["w8", "w40", "w21"]

    def found(answers):
        return [[{"token": a["token"], "probability": a["score"]} for a in answer] for answer in answers]

    return {
        "ids": [tokenizer(sentence)["input_ids"] for sentence in sentences], "mask": MASK,
        "top": found(ask(sentences, top_k=5)),
        "targets": tokenizer.convert_tokens_to_ids(targets),
        "of_targets": found(ask(sentences, targets=targets, top_k=3)),
    }


def zero_shot(model):
    tokenizer = words()
    sentences, labels = ["w7 w9 w30 w11", "w12 w44"], ["w20", "w31 w8", "w50"]
    ask = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer)
    template = "w5 w6 {}"

    def scores(multi_label, labels):
        answers = ask(sentences, labels, hypothesis_template=template, multi_label=multi_label)
        return [[dict(zip(a["labels"], a["scores"]))[label] for label in labels] for a in answers]

    pairs = [tokenizer(text, template.format(label))["input_ids"] for text in sentences for label in labels]
    return {
        "pairs": pairs, "labels": len(labels), "single": scores(False, labels), "multi": scores(True, labels),
        "one": scores(False, labels[:1]),
    }


def written(model, ids, options, **others):
    """What `generate` writes, one text at a time, so that no padding has a say."""
    rows = []
    for row in ids:
        output = model.generate(
            torch.tensor([row]), do_sample=False, return_dict_in_generate=True, output_scores=True, pad_token_id=PAD,
            **options, **others,
        )
        start = 1 if model.config.is_encoder_decoder else len(row)
        sequences = []
        for sequence in output.sequences.tolist():
            tokens = sequence[start:]
            ends = [place for place, token in enumerate(tokens) if token in options["eos_token_id"]]
            assert PAD not in tokens[: ends[0] if ends else None] or not model.config.is_encoder_decoder
            sequences.append(tokens[: ends[0] + 1] if ends else tokens)
        rows.append({
            "sequences": sequences,
            "scores": output.sequences_scores.tolist() if options.get("num_beams", 1) > 1 else None,
        })
    return {"options": options, "written": rows}


def generations(model, ids, **others):
    free = [
        written(model, ids, dict(max_new_tokens=9, eos_token_id=[VOCABULARY], **plan), **others)
        for plan in [{}, dict(no_repeat_ngram_size=2), dict(num_beams=4, num_return_sequences=2, no_repeat_ngram_size=2)]
    ]
    # Texts that end at different lengths, and by different tokens.
    greedy = [row["sequences"][0] for row in free[0]["written"]]
    ends = sorted({greedy[0][4], greedy[2][6]})
    plans = [
        dict(max_new_tokens=9),
        dict(max_new_tokens=9, no_repeat_ngram_size=2),
        dict(max_new_tokens=8, num_beams=3, num_return_sequences=3),
        dict(max_new_tokens=9, num_beams=4, length_penalty=2.0, early_stopping=True),
        dict(max_new_tokens=9, num_beams=2, length_penalty=-1.0, no_repeat_ngram_size=3),
        dict(max_new_tokens=9, num_beams=3, length_penalty=0.5, early_stopping="never"),
        dict(max_new_tokens=9, num_beams=3, length_penalty=1.5),
        dict(max_new_tokens=9, num_beams=3, min_new_tokens=4),
        dict(max_new_tokens=5, num_beams=3, forced_eos_token_id=ends[0]),
    ]
    return free + [written(model, ids, plan | dict(eos_token_id=ends), **others) for plan in plans]


def gpt2(rng):
    torch.manual_seed(5)
    config = GPT2Config(
        vocab_size=VOCABULARY, n_positions=24, n_embd=16, n_layer=2, n_head=2, n_inner=24, bos_token_id=START,
        eos_token_id=END, scale_attn_by_inverse_layer_idx=True,
    )
    model = spread(GPT2LMHeadModel._from_config(config, **ACTIVE), rng, 0.4, 0.8)
    ids = texts(rng)
    labels = padded(ids, -100)
    output = model(**inputs(ids), labels=labels, output_hidden_states=True)
    output.loss.backward()
    tensors = {"hidden": packed(output.hidden_states[-1], ids), "logits": packed(output.logits, ids), "loss": output.loss}
    note("gpt2", model, tensors | gradients(model))
    prompts, continuations = texts(rng, [5, 2, 8]), texts(rng, [1, 3, 2])
    scores = []
    for prompt in prompts:
        row = []
        for continuation in continuations:
            with torch.no_grad():
                logits = model(torch.tensor([prompt + continuation])).logits[0].log_softmax(-1)
            row.append(sum(logits[len(prompt) - 1 + place, token].item() for place, token in enumerate(continuation)))
        scores.append(row)
    return {
        "ids": ids, "prompts": prompts, "continuations": continuations, "scores": scores,
        "generations": generations(model, prompts),
    }


def seq2seq(folder, model, rng, **others):
    spread(model, rng, 0.4, 0.8)
    sources = [[START, *row, END] for row in texts(rng, [5, 2, 8])]
    targets = [[*row, END] for row in texts(rng, [4, 6, 1])]
    output = model(**inputs(sources), labels=padded(targets, -100), output_hidden_states=True)
    output.loss.backward()
    tensors = {
        "encoded": packed(output.encoder_last_hidden_state, sources),
        "hidden": packed(output.decoder_hidden_states[-1], targets),
        "logits": packed(output.logits, targets), "loss": output.loss,
    }
    note(folder, model, tensors | gradients(model))
    return {"sources": sources, "targets": targets, "generations": generations(model, sources, **others), **others}


def bart_config(**others):
    return BartConfig(
        vocab_size=VOCABULARY, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=4, encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=16, pad_token_id=PAD,
        bos_token_id=START, eos_token_id=END, decoder_start_token_id=END, forced_eos_token_id=None, **others,
    )


def write():
    rng = torch.Generator().manual_seed(7)
    ids = texts(rng)
    distilbert, roberta = encoder_configs()
    fixture = {
        "made_with": f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}",
        "ids": ids, "labels": LABELS,
    }
    torch.manual_seed(1)
    classification(
        "distilbert_classifier", DistilBertForSequenceClassification._from_config(DistilBertConfig(num_labels=3, **distilbert), **ACTIVE),
        rng, ids,
    )
    classification(
        "roberta_classifier", RobertaForSequenceClassification._from_config(RobertaConfig(**NAMED, **roberta), **ACTIVE),
        rng, ids,
    )
    model = DistilBertForMaskedLM._from_config(DistilBertConfig(**distilbert), **ACTIVE)
    fixture["masked"] = masked("distilbert_masked_lm", model, rng, ids)
    model = RobertaForMaskedLM._from_config(RobertaConfig(**roberta), **ACTIVE)
    assert fixture["masked"] == masked("roberta_masked_lm", model, rng, ids)
    fixture["fill_mask"] = fill_mask(model)
    fixture["gpt2"] = gpt2(rng)
    fixture["bart"] = seq2seq("bart", BartForConditionalGeneration._from_config(bart_config(), **ACTIVE), rng)
    config = M2M100Config(
        vocab_size=VOCABULARY, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=16, pad_token_id=PAD,
        bos_token_id=START, eos_token_id=END, decoder_start_token_id=END,
    )
    model = M2M100ForConditionalGeneration._from_config(config, **ACTIVE)
    fixture["m2m100"] = seq2seq("m2m100", model, rng, forced_bos_token_id=50)
    model = BartForSequenceClassification._from_config(bart_config(scale_embedding=True, **NAMED), **ACTIVE)
    fixture["bart_texts"] = [[START, *row, END] for row in ids]
    classifier_ids = fixture["bart_texts"]
    spread(model, rng)
    output = model(**inputs(classifier_ids), labels=torch.tensor(LABELS))
    output.loss.backward()
    note("bart_classifier", model, {"logits": output.logits, "loss": output.loss} | gradients(model))
    fixture["zero_shot"] = zero_shot(model)
    (HERE / "expected.json").write_text(json.dumps(fixture) + "\n")


def check(folder):
    folder = Path(folder)
    noted = json.loads((folder / "outputs.json").read_text())
    kinds = {
        "classifier": AutoModelForSequenceClassification, "masked_lm": AutoModelForMaskedLM, "gpt2": AutoModelForCausalLM,
        "bart": AutoModelForSeq2SeqLM, "m2m100": AutoModelForSeq2SeqLM,
    }
    for name, case in noted.items():
        kind = next(kind for ending, kind in kinds.items() if name.endswith(ending))
        model, info = kind.from_pretrained(folder / name, output_loading_info=True, **ACTIVE)
        model.eval()
        asked = inputs(case["ids"])
        if "targets" in case:
            asked["labels"] = padded(case["targets"], -100)
        with torch.no_grad():
            logits = model(**asked).logits
        logits = packed(logits, case.get("targets", case["ids"])) if logits.dim() == 3 else logits
        difference = (logits.flatten() - torch.tensor(case["logits"])).abs().max().item()
        report = {key: sorted(value) for key, value in info.items() if value}
        print(f"{name}: largest difference {difference:.2e}; loading: {report or 'nothing missing, nothing unexpected'}")
        assert difference < 1e-4 and not report


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    HERE.mkdir(parents=True, exist_ok=True)
    check(sys.argv[2]) if sys.argv[1:2] == ["check"] else write()
