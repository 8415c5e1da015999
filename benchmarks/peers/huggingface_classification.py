"""The peer: Hugging Face transformers + PyTorch fine-tune a checkpoint on labels or numbers of texts or pairs.

    python benchmarks/peers/huggingface_classification.py --model DIR --train train.tsv --validation dev.tsv \
        --test test.tsv [--columns sentence label] [--regression | --multi_label] [--pooling mean] \
        [--predictions out.json]

Prints one JSON object; writes a prediction for each test row where asked (``--multi_label``: the probabilities of all
labels, of the validation rows too).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from recipe import add_flags, fine_tune
from sklearn.metrics import average_precision_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def read(path: str, columns: list[str]) -> list[tuple[list[str], str]]:
    """Texts and label of each row of a TSV, from the named columns, the label last."""
    header, *lines = Path(path).read_text(encoding="utf-8").splitlines()
    places = [header.split("\t").index(name) for name in columns]
    rows = [[line.split("\t")[place] for place in places] for line in lines]
    return [(row[:-1], row[-1]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--columns", nargs="+", default=["sentence", "label"])
    parser.add_argument("--regression", action="store_true", help="the label is a number, scored by Pearson's r")
    parser.add_argument("--multi_label", action="store_true", help="labels parted by commas, scored by mAP")
    parser.add_argument("--pooling", choices=("cls", "mean"), default="cls", help="mean: of the last layer's vectors")
    parser.add_argument("--predictions", help="file for the predictions of the test rows")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    data = {name: read(getattr(arguments, name), arguments.columns) for name in ("train", "validation", "test")}
    parted = [label.split(",") if arguments.multi_label else [label] for _, label in data["train"]]
    labels = sorted({label for of_row in parted for label in of_row})
    outputs = 1 if arguments.regression else len(labels)
    model = AutoModelForSequenceClassification.from_pretrained(arguments.model, num_labels=outputs)

    def target(label: str) -> Any:
        if arguments.multi_label:
            return [float(one in label.split(",")) for one in labels]
        return float(label) if arguments.regression else labels.index(label)

    def forward(rows: list[tuple[list[str], str]]) -> torch.Tensor:
        texts = [list(column) for column in zip(*(texts for texts, _ in rows), strict=True)]
        length = arguments.max_length
        features = tokenizer(*texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
        if arguments.pooling == "cls":
            return model(**features).logits
        mask = features["attention_mask"].unsqueeze(-1)
        tokens = model.bert(**features).last_hidden_state * mask
        return model.classifier(model.dropout(tokens.sum(1) / mask.sum(1)))

    def loss(rows: list[tuple[list[str], str]]) -> torch.Tensor:
        logits, targets = forward(rows), torch.tensor([target(label) for _, label in rows])
        if arguments.regression:
            return torch.nn.functional.mse_loss(logits[:, 0], targets)
        if arguments.multi_label:
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
        return torch.nn.functional.cross_entropy(logits, targets)

    @torch.no_grad()
    def predict(rows: list[tuple[list[str], str]]) -> list[Any]:
        logits = torch.cat([forward(rows[start : start + 64]) for start in range(0, len(rows), 64)])
        if arguments.regression:
            return logits[:, 0].tolist()
        if arguments.multi_label:
            return torch.sigmoid(logits).tolist()
        return [labels[index] for index in logits.argmax(-1)]

    def score(rows: list[tuple[list[str], str]]) -> float:
        predictions = predict(rows)
        if arguments.regression:
            return float(np.corrcoef(predictions, [float(label) for _, label in rows])[0, 1])
        if arguments.multi_label:
            truth = np.array([target(label) for _, label in rows])
            occurring = truth.any(0)
            return float(average_precision_score(truth[:, occurring], np.array(predictions)[:, occurring]))
        return float(np.mean([label == predicted for (_, label), predicted in zip(rows, predictions, strict=True)]))

    result = {"seed": arguments.seed} | fine_tune(
        model,
        data["train"],
        length=lambda row: sum(map(len, row[0])),
        loss=loss,
        score=lambda: score(data["validation"]),
        arguments=arguments,
    )
    if result["validation"]:
        result["test"] = score(data["test"])
        if arguments.predictions:
            predictions = predict(data["test"])
            if arguments.multi_label:
                predictions = {"labels": labels, "validation": predict(data["validation"]), "test": predictions}
            Path(arguments.predictions).write_text(json.dumps(predictions), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
