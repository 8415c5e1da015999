"""The peer: Hugging Face transformers + PyTorch choose one of several texts, as run_swag.py does.

    python benchmarks/peers/huggingface_multiple_choice.py --model DIR --train train.jsonl --validation dev.jsonl \
        --test dev.jsonl --predictions out.json

Lines are ``{"text", "choices", "label"}``, all with the same number of choices, the label being the right one's text.
Prints one JSON object; writes the index that it chose in each test row. The last epoch is used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from recipe import add_flags, fine_tune
from transformers import AutoModelForMultipleChoice, AutoTokenizer


def read(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--predictions", required=True)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForMultipleChoice.from_pretrained(arguments.model)

    def forward(rows: list[dict[str, Any]]) -> torch.Tensor:
        texts = [row["text"] for row in rows for _ in row["choices"]]
        choices = [choice for row in rows for choice in row["choices"]]
        length = arguments.max_length
        features = tokenizer(texts, choices, padding=True, truncation=True, max_length=length, return_tensors="pt")
        return model(**{name: value.view(len(rows), -1, value.shape[-1]) for name, value in features.items()}).logits

    def loss(rows: list[dict[str, Any]]) -> torch.Tensor:
        targets = torch.tensor([row["choices"].index(row["label"]) for row in rows])
        return torch.nn.functional.cross_entropy(forward(rows), targets)

    @torch.no_grad()
    def predict(rows: list[dict[str, Any]]) -> list[int]:
        logits = torch.cat([forward(rows[start : start + 16]) for start in range(0, len(rows), 16)])
        return logits.argmax(-1).tolist()

    result = {"seed": arguments.seed} | fine_tune(
        model,
        read(arguments.train),
        length=lambda row: len(row["text"]) + max(map(len, row["choices"])),
        loss=loss,
        arguments=arguments,
    )
    Path(arguments.predictions).write_text(json.dumps(predict(read(arguments.test))), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
