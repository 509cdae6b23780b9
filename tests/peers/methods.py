"""Makes tests/fixtures/methods/: losses of the few-label methods by a few lines of PyTorch each, and what `transformers`' Trainer
does step by step.

`python tests/peers/methods.py` writes the fixtures. It starts from tests/fixtures/bert/, which bert.py makes.
"""

import json
import os
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file
from torch.utils.data import SequentialSampler
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

ROOT = Path(__file__).resolve().parent.parent / "fixtures"
HERE = ROOT / "methods"


def numbers(tensor):
    return tensor.detach().reshape(-1).tolist()


def kl(p, q):
    return (p * (p.log() - q.log())).sum(-1)


def uda(rng):
    """Xie et al. 2019: sharpened, masked KL for classes and, per label, for Bernoulli distributions; annealed cross entropy."""
    cases = []
    for problem in ["single", "multi"]:
        for temperature, confidence in [(1.0, None), (0.4, 0.7), (0.85, 0.55)]:
            original = 2 * torch.randn(6, 4, generator=rng)
            augmented = (2 * torch.randn(6, 4, generator=rng)).requires_grad_()
            if problem == "single":
                p, q = (original / temperature).softmax(-1), augmented.softmax(-1)
                divergence, surest = kl(p, q), original.softmax(-1).amax(-1)
            else:
                two = lambda x: torch.stack([x.sigmoid(), (-x).sigmoid()], -1)
                divergence = kl(two(original / temperature), two(augmented))
                surest = two(original).amax(-1)
            mask = torch.ones_like(surest) if confidence is None else (surest > confidence).float()
            loss = (divergence * mask).mean()
            loss.backward()
            cases.append(dict(
                problem=problem, temperature=temperature, confidence=confidence, original=numbers(original),
                augmented=numbers(augmented), loss=loss.item(), share=mask.mean().item(), gradient=numbers(augmented.grad),
            ))
    annealed = []
    for problem in ["single", "multi"]:
        for threshold in [0.3, 0.6, 0.9]:
            logits = (2 * torch.randn(5, 3, generator=rng)).requires_grad_()
            if problem == "single":
                target = torch.tensor([0, 2, 1, 1, 0])
                losses = F.cross_entropy(logits, target, reduction="none")
                right = logits.softmax(-1).gather(1, target[:, None])[:, 0]
            else:
                target = (torch.rand(5, 3, generator=rng) < 0.4).float()
                losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
                right = torch.where(target > 0, logits.sigmoid(), 1 - logits.sigmoid())
            mask = (right <= threshold).float()
            loss = (losses * mask).sum() / mask.sum().clamp(min=1)
            loss.backward()
            annealed.append(dict(
                problem=problem, threshold=threshold, logits=numbers(logits), targets=numbers(target.float()),
                loss=loss.item(), share=mask.mean().item(), gradient=numbers(logits.grad),
            ))
    return dict(consistency=cases, annealed=annealed)


class InOrder(Trainer):
    """Reads texts in their order, and notes losses without rounding."""

    def _get_train_sampler(self, *_):
        return SequentialSampler(self.train_dataset)

    def compute_loss(self, *arguments, **others):
        result = super().compute_loss(*arguments, **others)
        self.noted.append((result[0] if isinstance(result, tuple) else result).item())
        return result


def trainer(problem, rng):
    config = BertConfig.from_pretrained(ROOT / "bert", attn_implementation="eager")
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0
    config.problem_type = problem
    model = BertForSequenceClassification(config)
    model.load_state_dict(load_file(ROOT / "bert" / "classifier.safetensors"), strict=False)
    ids = [torch.randint(1, 97, (int(length),), generator=rng).tolist() for length in torch.randint(2, 20, (14,), generator=rng)]
    if problem == "single_label_classification":
        labels = torch.randint(0, 3, (14,), generator=rng).tolist()
    else:
        labels = (torch.rand(14, 3, generator=rng) < 0.4).float().tolist()

    def collate(rows):
        longest = max(len(row["ids"]) for row in rows)
        fill = lambda values: values + [0] * (longest - len(values))
        return dict(
            input_ids=torch.tensor([fill(row["ids"]) for row in rows]),
            attention_mask=torch.tensor([fill([1] * len(row["ids"])) for row in rows]),
            labels=torch.tensor([row["label"] for row in rows]),
        )

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, num_train_epochs=3, per_device_train_batch_size=4, learning_rate=1e-3, weight_decay=0.1,
            lr_scheduler_type="cosine", warmup_steps=2, max_grad_norm=1.0, use_cpu=True, report_to=[], save_strategy="no",
            disable_tqdm=True, remove_unused_columns=False, logging_strategy="no",
        )
        rows = [dict(ids=row, label=label) for row, label in zip(ids, labels)]
        hf = InOrder(model=model, args=arguments, train_dataset=rows, data_collator=collate)
        hf.noted = []
        hf.train()
        model.eval()
        with torch.no_grad():
            logits = model(**{key: value for key, value in collate(rows).items() if key != "labels"}).logits
    return dict(problem=problem, ids=ids, labels=labels, losses=hf.noted, logits=numbers(logits))


def main():
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.set_seed(0)
    rng = torch.Generator().manual_seed(11)
    HERE.mkdir(exist_ok=True)
    expected = dict(
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        uda=uda(rng),
        trainer=[trainer(problem, rng) for problem in ["single_label_classification", "multi_label_classification"]],
    )
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
