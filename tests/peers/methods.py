"""Makes tests/fixtures/methods/: losses of the few-label methods by a few lines of PyTorch each, and what `transformers`' Trainer
does step by step.

`python tests/peers/methods.py` writes the fixtures. It starts from tests/fixtures/bert/, which bert.py makes,
and needs torch, transformers, accelerate and scikit-learn.
"""

import json
import os
import tempfile
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
import transformers
from sklearn.linear_model import LogisticRegression
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


def ust(rng):
    """Mukherjee & Awadallah 2020: BALD, variances and confident weights of passes with dropout, in double precision."""
    cases = []
    for problem in ["single", "multi"]:
        logits = 2 * torch.randn(7, 5, 3, generator=rng, dtype=torch.float64)
        p = (logits.softmax(-1) if problem == "single" else logits.sigmoid()).float().double()
        both = p if problem == "single" else torch.stack([p, 1 - p], -1)
        entropy = lambda p: -torch.special.xlogy(p, p).sum(-1)
        bald = entropy(both.mean(0)) - entropy(both).mean(0)
        bald = bald if problem == "single" else bald.sum(-1)
        variance = p.var(0, correction=0)
        if problem == "single":
            majority = F.one_hot(p.argmax(-1), 3).sum(0)
            majority = F.one_hot(majority.argmax(-1), 3)
        else:
            majority = (p >= 0.5).double().mean(0) > 0.5
        cases.append(dict(
            problem=problem, passes=[numbers(row) for row in p], bald=numbers(bald), variances=numbers(variance),
            weights=numbers(-0.1 * torch.log(variance + 1e-10)), majority=numbers(majority.float()),
        ))
    return cases


def cosine(rng):
    """CosineSimilarityLoss of sentence-transformers."""
    vectors = torch.randn(5, 4, generator=rng).requires_grad_()
    first, second = torch.tensor([0, 1, 4, 2]), torch.tensor([1, 3, 0, 4])
    target = torch.tensor([1.0, 0.0, 1.0, 0.5])
    loss = F.mse_loss(F.cosine_similarity(vectors[first], vectors[second]), target)
    loss.backward()
    return dict(
        vectors=numbers(vectors), first=first.tolist(), second=second.tolist(), similarities=numbers(target), loss=loss.item(),
        gradient=numbers(vectors.grad),
    )


def logistic(rng):
    """Probabilities of scikit-learn's logistic regression, one against the rest and of classes."""
    vectors = F.normalize(torch.randn(24, 4, generator=rng, dtype=torch.float64)).float()
    has = (vectors @ torch.randn(4, 3, generator=rng) + 0.3 * torch.randn(24, 3, generator=rng) > 0.2).int()
    classes = (vectors @ torch.randn(4, 3, generator=rng)).argmax(-1)
    options = dict(C=2.0, tol=1e-10, max_iter=10_000)
    case = dict(vectors=numbers(vectors), has=has.tolist(), classes=classes.tolist())
    for suffix, weights in [("", None), ("_balanced", "balanced")]:
        make = lambda: LogisticRegression(**options, class_weight=weights)
        multi = [make().fit(vectors, has[:, label]).predict_proba(vectors)[:, 1] for label in range(3)]
        single = make().fit(vectors, classes).predict_proba(vectors)
        case["multi" + suffix] = torch.tensor(numpy.stack(multi, 1)).reshape(-1).tolist()
        case["single" + suffix] = torch.tensor(single).reshape(-1).tolist()
    return case


def adapet(rng):
    """Tam et al. 2021: the decoupled loss over the whole vocabulary, and label-conditioned masks, by BCELoss of probabilities."""
    scores = torch.randn(4, 20, generator=rng).requires_grad_()
    words = torch.tensor([3, 11, 7])
    target = torch.tensor([[1.0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 1]])
    q = scores.softmax(-1)[:, words]
    loss = torch.nn.BCELoss()(q, target)
    loss.backward()
    label = dict(
        scores=numbers(scores), words=words.tolist(), targets=numbers(target), loss=loss.item(), gradient=numbers(scores.grad),
        probabilities=numbers(q),
    )
    scores = torch.randn(6, 20, generator=rng).requires_grad_()
    originals = torch.tensor([4, 0, 19, 8, 8, 2])
    right = torch.tensor([1.0, 1, 0, 0, 1, 0])
    q = scores.softmax(-1).gather(1, originals[:, None])[:, 0]
    loss = torch.nn.BCELoss()(q, right)
    loss.backward()
    conditioned = dict(
        scores=numbers(scores), originals=originals.tolist(), right=numbers(right), loss=loss.item(), gradient=numbers(scores.grad),
    )
    return dict(label=label, conditioned=conditioned)


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


def distillation():
    """Tung and Mori 2019, over cosines, without the diagonal; and the cosine to the teacher."""
    rng = torch.Generator().manual_seed(12)
    student = torch.randn(5, 4, generator=rng).requires_grad_()
    teacher = torch.randn(5, 4, generator=rng)
    cases = dict(student=numbers(student), teacher=numbers(teacher))
    apart = (F.normalize(student) @ F.normalize(student).T - F.normalize(teacher) @ F.normalize(teacher).T) ** 2
    relational = apart[~torch.eye(5, dtype=torch.bool)].mean()
    cosine = F.cosine_embedding_loss(student, teacher, torch.ones(5))
    for name, loss in dict(relational=relational, cosine=cosine).items():
        (gradient,) = torch.autograd.grad(loss, student, retain_graph=True)
        cases[name] = dict(loss=loss.item(), gradient=numbers(gradient))
    return cases


def main():
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    transformers.set_seed(0)
    rng = torch.Generator().manual_seed(11)
    HERE.mkdir(exist_ok=True)
    expected = dict(
        versions=dict(torch=torch.__version__, transformers=transformers.__version__),
        uda=uda(rng),
        ust=ust(rng),
        cosine=cosine(rng),
        logistic=logistic(rng),
        adapet=adapet(rng),
        distillation=distillation(),
        trainer=[trainer(problem, rng) for problem in ["single_label_classification", "multi_label_classification"]],
    )
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
