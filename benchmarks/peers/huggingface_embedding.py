"""The peer: Hugging Face transformers + PyTorch embed sentences by the mean of the last layer, without training.

    python benchmarks/peers/huggingface_embedding.py --model DIR --test test.tsv --columns sentence1 sentence2 \
        --predictions out.json

Writes the cosine of each row's two sentences. Seed and recipe are taken and have no effect.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from huggingface_classification import read
from recipe import add_flags
from transformers import AutoModel, AutoTokenizer


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--columns", nargs=2, required=True)
    parser.add_argument("--predictions", required=True)
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModel.from_pretrained(arguments.model).eval()

    @torch.no_grad()
    def embed(texts: list[str]) -> torch.Tensor:
        length = arguments.max_length
        features = tokenizer(texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
        mask = features["attention_mask"].unsqueeze(-1)
        return (model(**features).last_hidden_state * mask).sum(1) / mask.sum(1)

    cosines: list[float] = []
    rows = [texts for texts, _ in read(arguments.test, [*arguments.columns, arguments.columns[-1]])]
    for start in range(0, len(rows), arguments.batch_size):
        first, second = zip(*rows[start : start + arguments.batch_size], strict=True)
        cosines += torch.cosine_similarity(embed(list(first)), embed(list(second))).tolist()
    Path(arguments.predictions).write_text(json.dumps(cosines), encoding="utf-8")


if __name__ == "__main__":
    main()
