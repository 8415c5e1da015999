"""The peer: Hugging Face transformers + PyTorch tag the first piece of each token of a CoNLL file, by a softmax.

    python benchmarks/peers/huggingface_tagging.py --model DIR --train train.txt --validation dev.txt --test test.txt

Prints one JSON object; writes the tags of each test sentence to ``--predictions``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from recipe import add_flags, fine_tune
from transformers import AutoModelForTokenClassification, AutoTokenizer

IGNORED = -100


def read(path: str) -> list[tuple[list[str], list[str]]]:
    """Tokens (first column) and tags (last column) of each sentence."""
    sentences = []
    for block in Path(path).read_text(encoding="utf-8").replace("\r", "").split("\n\n"):
        lines = [line.split() for line in block.split("\n") if line.strip()]
        if lines:
            sentences.append(([line[0] for line in lines], [line[-1] for line in lines]))
    return sentences


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--predictions", help="file for the tags of the test sentences")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    data = {name: read(getattr(arguments, name)) for name in ("train", "validation", "test")}
    tags = sorted({tag for _, row in data["train"] for tag in row})
    model = AutoModelForTokenClassification.from_pretrained(arguments.model, num_labels=len(tags))

    def encode(rows: list[tuple[list[str], list[str]]]) -> tuple[dict[str, torch.Tensor], list[list[int]]]:
        """Features, and the position of each token's first piece (fewer where a sentence was cut)."""
        features = tokenizer(
            [tokens for tokens, _ in rows],
            is_split_into_words=True,
            padding=True,
            truncation=True,
            max_length=arguments.max_length,
            return_tensors="pt",
        )
        first: list[list[int]] = []
        for row, (tokens, _) in enumerate(rows):
            words = features.word_ids(row)
            first.append([words.index(word) if word in words else -1 for word in range(len(tokens))])
        return features, first

    def loss(rows: list[tuple[list[str], list[str]]]) -> torch.Tensor:
        features, first = encode(rows)
        targets = torch.full(features["input_ids"].shape, IGNORED)
        for row, (places, (_, row_tags)) in enumerate(zip(first, rows, strict=True)):
            for place, tag in zip(places, row_tags, strict=True):
                if place >= 0 and tag in tags:
                    targets[row, place] = tags.index(tag)
        logits = model(**features).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)

    @torch.no_grad()
    def predict(rows: list[tuple[list[str], list[str]]]) -> list[list[str]]:
        answers = []
        for start in range(0, len(rows), 64):
            features, first = encode(rows[start : start + 64])
            best = model(**features).logits.argmax(-1)
            # What has no piece, or was cut off, is outside.
            answers += [[tags[best[i, p]] if p >= 0 else "O" for p in places] for i, places in enumerate(first)]
        return answers

    def score() -> float:
        from seqeval.metrics import f1_score

        return float(f1_score([row for _, row in data["validation"]], predict(data["validation"])))

    result = {"seed": arguments.seed} | fine_tune(
        model, data["train"], length=lambda row: len(row[0]), loss=loss, score=score, arguments=arguments
    )
    if result["validation"] and arguments.predictions:
        Path(arguments.predictions).write_text(json.dumps(predict(data["test"])), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
