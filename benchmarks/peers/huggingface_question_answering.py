"""The peer: Hugging Face transformers + PyTorch find answers in windows of a text, as run_qa.py does (SQuAD 1.1).

    python benchmarks/peers/huggingface_question_answering.py --model DIR --train train.json --validation dev.json \
        --test dev.json --predictions out.json

Prints one JSON object; writes ``{question id: answer}``, as SQuAD's official script reads it. The last epoch is used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from recipe import add_flags, fine_tune
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

BEST = 20


def read(path: str) -> list[dict[str, Any]]:
    articles = json.loads(Path(path).read_text(encoding="utf-8"))["data"]
    return [
        {"context": paragraph["context"], **question}
        for article in articles
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    add_flags(parser)
    parser.add_argument("--doc_stride", type=int, default=128)
    parser.add_argument("--max_answer_length", type=int, default=30)
    parser.add_argument("--predictions", required=True)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForQuestionAnswering.from_pretrained(arguments.model)

    def windows(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Model inputs of each window, its record's number, character offsets (none outside the text), and target."""
        features = tokenizer(
            [record["question"] for record in records],
            [record["context"] for record in records],
            truncation="only_second",
            max_length=arguments.max_length,
            stride=arguments.doc_stride,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        made = []
        for number, record in enumerate(features["overflow_to_sample_mapping"]):
            sequence = features.sequence_ids(number)
            offsets = [o if s == 1 else None for o, s in zip(features["offset_mapping"][number], sequence, strict=True)]
            inputs = {name: features[name][number] for name in ("input_ids", "token_type_ids", "attention_mask")}
            start = end = 0
            if records[record]["answers"]:
                answer = records[record]["answers"][0]
                first, last = answer["answer_start"], answer["answer_start"] + len(answer["text"])
                starts = [i for i, o in enumerate(offsets) if o and o[0] <= first < o[1]]
                ends = [i for i, o in enumerate(offsets) if o and o[0] < last <= o[1]]
                if starts and ends:
                    start, end = starts[0], ends[0]
            made.append({"inputs": inputs, "record": record, "offsets": offsets, "start": start, "end": end})
        return made

    def forward(batch: list[dict[str, Any]]) -> Any:
        return model(**tokenizer.pad([window["inputs"] for window in batch], return_tensors="pt"))

    def loss(batch: list[dict[str, Any]]) -> torch.Tensor:
        outputs = forward(batch)
        start = torch.nn.functional.cross_entropy(outputs.start_logits, torch.tensor([w["start"] for w in batch]))
        end = torch.nn.functional.cross_entropy(outputs.end_logits, torch.tensor([w["end"] for w in batch]))
        return (start + end) / 2

    @torch.no_grad()
    def answers(records: list[dict[str, Any]]) -> dict[str, str]:
        found: dict[int, tuple[float, str]] = {}
        made = windows(records)
        for at in range(0, len(made), 32):
            outputs = forward(made[at : at + 32])
            for row, window in enumerate(made[at : at + 32]):
                start, end = outputs.start_logits[row], outputs.end_logits[row]
                context = records[window["record"]]["context"]
                for i in start.argsort(descending=True)[:BEST].tolist():
                    for j in end.argsort(descending=True)[:BEST].tolist():
                        if max(i, j) >= len(window["offsets"]) or not (window["offsets"][i] and window["offsets"][j]):
                            continue
                        if i <= j < i + arguments.max_answer_length:
                            text = context[window["offsets"][i][0] : window["offsets"][j][1]]
                            best = (float(start[i] + end[j]), text)
                            found[window["record"]] = max(found.get(window["record"], best), best)
        return {record["id"]: found.get(number, (0.0, ""))[1] for number, record in enumerate(records)}

    result = {"seed": arguments.seed} | fine_tune(
        model,
        windows(read(arguments.train)),
        length=lambda window: len(window["inputs"]["input_ids"]),
        loss=loss,
        arguments=arguments,
    )
    Path(arguments.predictions).write_text(json.dumps(answers(read(arguments.test))), encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
