"""The peer: Hugging Face transformers + PyTorch fine-tune the same checkpoint by the same recipe.

    python benchmarks/peers/huggingface_classification.py --model DIR --train train.tsv --validation dev.tsv \
        --test test.tsv [--seed 42]

The recipe is bert_tf's default: AdamW 5e-5, 10 % warm-up, linear decay, weight decay 0.01 (none on bias and LayerNorm),
gradient norm 1, batches of 32 with similar lengths, best epoch by validation accuracy. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import copy
import json
import random
import time
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup

WINDOW_BATCHES = 50


def read(path: str) -> list[tuple[str, int]]:
    """Rows of a TSV with the columns ``sentence`` and ``label``."""
    lines = Path(path).read_text(encoding="utf-8").splitlines()[1:]
    return [(text, int(label)) for text, label in (line.split("\t") for line in lines)]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("model", "train", "validation", "test"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=32)
    parser.add_argument("--learning_rate", type=float, default=5e-5)
    parser.add_argument("--max_steps", type=int, default=None, help="stop early: measures speed only")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    shuffle = random.Random(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForSequenceClassification.from_pretrained(arguments.model, num_labels=2)
    data = {name: read(getattr(arguments, name)) for name in ("train", "validation", "test")}

    decayed = [p for name, p in model.named_parameters() if not name.endswith("bias") and "LayerNorm" not in name]
    others = [p for name, p in model.named_parameters() if name.endswith("bias") or "LayerNorm" in name]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=arguments.learning_rate, eps=1e-6)
    steps = arguments.epochs * -(-len(data["train"]) // arguments.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, int(0.1 * steps), steps)

    def encode(rows: list[tuple[str, int]]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        texts = [text for text, _ in rows]
        features = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
        return features, torch.tensor([label for _, label in rows])

    def batches(rows: list[tuple[str, int]]) -> list[list[tuple[str, int]]]:
        rows = shuffle.sample(rows, len(rows))
        size = arguments.batch_size
        cut = []
        for start in range(0, len(rows), size * WINDOW_BATCHES):
            window = sorted(rows[start : start + size * WINDOW_BATCHES], key=lambda row: len(row[0]))
            pieces = [window[i : i + size] for i in range(0, len(window), size)]
            cut += shuffle.sample(pieces, len(pieces))
        return cut

    @torch.no_grad()
    def accuracy(rows: list[tuple[str, int]]) -> float:
        model.eval()
        correct = 0
        for start in range(0, len(rows), 64):
            features, labels = encode(rows[start : start + 64])
            correct += int((model(**features).logits.argmax(-1) == labels).sum())
        return correct / len(rows)

    validation: list[float] = []
    best = None
    done = trained = 0
    seconds = 0.0
    for _ in range(arguments.epochs):
        model.train()
        started = time.perf_counter()
        for rows in batches(data["train"]):
            features, labels = encode(rows)
            torch.nn.functional.cross_entropy(model(**features).logits, labels).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            done, trained = done + 1, trained + len(rows)
            if done == arguments.max_steps:
                break
        seconds += time.perf_counter() - started
        if done == arguments.max_steps:
            break
        validation.append(accuracy(data["validation"]))
        if validation[-1] == max(validation):
            best = copy.deepcopy(model.state_dict())
    result = {"seed": arguments.seed, "examples_per_second": trained / seconds, "validation": validation}
    if best is not None:
        model.load_state_dict(best)
        result["test"] = accuracy(data["test"])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
