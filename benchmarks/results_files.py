"""Files of results.py: the first rows of a data set, or what is derived from them for a task that has no data set."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path


def tsv_column(path: Path, name: str) -> list[str]:
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    place = header.split("\t").index(name)
    return [line.split("\t")[place] for line in lines]


def rounded_scores(lines: list[str]) -> list[str]:
    """STS-B's scores as whole numbers from 0 to 5."""
    place = lines[0].split("\t").index("score")
    made = [lines[0]]
    for line in lines[1:]:
        cells = line.split("\t")
        cells[place] = f"{float(cells[place]):.0f}"
        made.append("\t".join(cells))
    return made


def one_character_hidden(lines: list[str]) -> list[str]:
    """Of each text's first 100 characters, one Chinese one becomes ``[MASK]``, and is the label."""
    place = lines[0].split("\t").index("text")
    draw = random.Random(42)
    made = ["text\tlabel"]
    for line in lines[1:]:
        text = line.split("\t")[place][:100].replace("[", "(")
        characters = [match.start() for match in re.finditer("[\u4e00-\u9fff]", text)]
        if characters:
            at = draw.choice(characters)
            made.append(f"{text[:at]}[MASK]{text[at + 1 :]}\t{text[at]}")
    return made


def sentences_as_choices(lines: list[str]) -> list[str]:
    """Which of four sentences of a paragraph holds the answer to the question: the first one that does is right."""
    draw = random.Random(42)
    made = []
    for article in json.loads("\n".join(lines))["data"]:
        for paragraph in article["paragraphs"]:
            sentences = list(dict.fromkeys(re.split(r"(?<=[.!?]) +(?=[A-Z])", paragraph["context"])))
            for question in paragraph["qas"]:
                answer = question["answers"][0]["text"]
                right = next((sentence for sentence in sentences if answer in sentence), None)
                others = [sentence for sentence in sentences if answer not in sentence]
                if right and len(others) >= 3:
                    choices = draw.sample([right, *draw.sample(others, 3)], 4)
                    made.append(json.dumps({"text": question["question"], "choices": choices, "label": right}))
    return made


def write_head(
    source: Path, target: Path, rows: int | None, derive: Callable[[list[str]], list[str]] | None = None
) -> None:
    """The first rows of a file, or of what ``derive`` makes of it."""
    lines = source.read_text(encoding="utf-8").splitlines()
    lines = derive(lines) if derive else lines
    header = not lines[0].startswith("{")
    lines = lines if rows is None else lines[: rows + header]
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
