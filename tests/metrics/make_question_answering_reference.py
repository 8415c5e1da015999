"""Writes ``question_answering_reference.json``: answers and what SQuAD's official scripts say of them.

The scripts are those that tf-models-official carries, in an environment of its own:

    pip install --no-deps tf-models-official==2.20.0 absl-py
    python make_question_answering_reference.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from official.nlp.tools import squad_evaluate_v1_1, squad_evaluate_v2_0

# question id: prediction, right answers, null probability
ANSWERED: dict[str, tuple[str, list[str], float]] = {
    "equal": ("Denver Broncos", ["Denver Broncos"], 0.1),
    "case_articles_punctuation": ("the Denver, Broncos!", ["Denver Broncos", "Broncos"], 0.2),
    "article_inside": ("a cat and the dog", ["cat and dog", "an cat and a dog"], 0.2),
    "article_in_a_word": ("theatre anthem", ["atre nthem"], 0.2),
    "part": ("Denver Broncos won", ["The Broncos"], 0.3),
    "best_of_many": ("10th century", ["10th and 11th centuries", "in the 10th century", "10th"], 0.4),
    "tie_of_two": ("red blue", ["red", "blue"], 0.4),
    "repeated_words": ("very very good", ["very good", "very very very good"], 0.5),
    "no_word_in_common": ("Paris", ["London"], 0.6),
    "empty_prediction": ("", ["London"], 0.7),
    "only_articles": ("the a", ["an"], 0.7),
    "only_articles_and_a_real_one": ("the", ["an", "London"], 0.7),
    "only_punctuation_predicted": ("...", ["London", "?!"], 0.8),
    "hyphens_join": ("well-known", ["wellknown", "well known"], 0.8),
    "unicode_punctuation_stays": ("“quoted” — text", ["quoted text"], 0.8),
    "accents_stay": ("Café", ["Cafe"], 0.9),
    "full_width": ("ＡＢＣ", ["abc", "ａｂｃ"], 0.9),
    "chinese": ("光荣和ω-force", ["光荣和ω-force", "光荣"], 0.95),
    "spaces": (" a\u00a0b\u3000c\t\n", ["b c"], 0.95),
    "underscore_and_digits": ("$1,000_000", ["1000000", "1 000 000"], 0.95),
    "turkish_i": ("İstanbul", ["istanbul", "i̇stanbul"], 0.99),
}
NOT_ANSWERED: dict[str, tuple[str, list[str], float]] = {
    "rightly_empty": ("", [], 0.9),
    "wrongly_answered": ("something", [], 0.25),
    "wrongly_answered_tie": ("something", [], 0.5),
    "answered_by_an_article": ("the", [], 0.65),
}


def dataset(cases: dict[str, tuple[str, list[str], float]]) -> list[Any]:
    questions = [
        {"id": name, "answers": [{"text": text} for text in answers]} for name, (_, answers, _) in cases.items()
    ]
    return [{"paragraphs": [{"qas": questions}]}]


def threshold_case(numbers: random.Random) -> dict[str, Any]:
    """Scores and null scores of a few questions, and the official best total over all thresholds."""
    size = numbers.randint(1, 12)
    answerable = {str(n): numbers.random() < 0.6 for n in range(size)}
    scores = {n: round(numbers.random(), 2) if answerable[n] else 0.0 for n in answerable}
    null = {n: round(numbers.random() * 100) / 10 for n in answerable}
    while len(set(null.values())) < size:  # the script parts questions with equal null scores
        null = {n: numbers.random() * 10 for n in answerable}
    best, threshold = squad_evaluate_v2_0._find_best_thresh(dict.fromkeys(null, "answer"), scores, null, answerable)
    return {
        "answerable": list(answerable.values()),
        "scores": list(scores.values()),
        "null": list(null.values()),
        "best": best,
        "threshold": threshold,
    }


def main() -> None:
    everything = {**ANSWERED, **NOT_ANSWERED}
    content: dict[str, Any] = {"cases": everything, "v1_1": {}, "v2_0": {}}
    for name, case in everything.items():
        predictions, one = {name: case[0]}, dataset({name: case})
        if name in ANSWERED:
            content["v1_1"][name] = squad_evaluate_v1_1.evaluate(one, predictions)
        content["v2_0"][name] = squad_evaluate_v2_0.evaluate(one, predictions)
    for version, cases, script in (
        ("v1_1", ANSWERED, squad_evaluate_v1_1),
        ("v2_0", everything, squad_evaluate_v2_0),
    ):
        content[version]["all"] = script.evaluate(dataset(cases), {name: case[0] for name, case in cases.items()})
    content["thresholds"] = [threshold_case(random.Random(seed)) for seed in range(12)]
    target = Path(__file__).with_name("question_answering_reference.json")
    target.write_text(json.dumps(content, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
