"""The peer: Hugging Face transformers + PyTorch fill ``[MASK]`` by a checkpoint's own head, without training.

    python benchmarks/peers/huggingface_fill.py --model DIR --test test.tsv --predictions out.json

Writes the five most probable tokens of each row's mask, best first. Seed and recipe are taken and have no effect.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from huggingface_classification import read
from recipe import add_flags
from transformers import AutoModelForMaskedLM, AutoTokenizer


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--columns", nargs=2, default=["text", "label"])
    parser.add_argument("--predictions", required=True)
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForMaskedLM.from_pretrained(arguments.model).eval()
    texts = [texts[0] for texts, _ in read(arguments.test, arguments.columns)]
    found: list[list[str]] = []
    for start in range(0, len(texts), arguments.batch_size):
        batch, length = texts[start : start + arguments.batch_size], arguments.max_length
        features = tokenizer(batch, padding=True, truncation=True, max_length=length, return_tensors="pt")
        with torch.no_grad():
            logits = model(**features).logits
        best = logits[features["input_ids"] == tokenizer.mask_token_id].topk(5).indices
        found += [tokenizer.convert_ids_to_tokens(row) for row in best.tolist()]
    Path(arguments.predictions).write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
