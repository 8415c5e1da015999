"""Exact match and F1 equal the official scripts' to the last digit."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nltk.tokenize import NLTKWordTokenizer

from bert_tf.metrics.question_answering_metrics import (
    answer_metrics,
    answer_scores,
    best_threshold,
    cmrc_score,
    squad_2_score,
    squad_score,
)

REFERENCE = json.loads(Path(__file__).with_name("question_answering_reference.json").read_text(encoding="utf-8"))
CASES: dict[str, tuple[str, list[str], float]] = REFERENCE["cases"]


@pytest.mark.parametrize("name", [name for name in REFERENCE["v1_1"] if name != "all"])
def test_squad_1(name: str) -> None:
    prediction, answers, _ = CASES[name]
    expected = REFERENCE["v1_1"][name]
    assert squad_score(prediction, answers) == (expected["exact_match"], expected["final_f1"])


@pytest.mark.parametrize("name", CASES)
def test_squad_2(name: str) -> None:
    prediction, answers, _ = CASES[name]
    exact, f1 = squad_2_score(prediction, answers)
    expected = REFERENCE["v2_0"][name]
    assert (100 * exact, 100 * f1) == (expected["exact"], expected["f1"])


def test_whole_data_sets() -> None:
    answered = [CASES[name] for name in REFERENCE["v1_1"] if name != "all"]
    metrics = answer_metrics([case[0] for case in answered], [case[1] for case in answered])
    expected = REFERENCE["v1_1"]["all"]
    assert metrics == {
        "exact_match": pytest.approx(expected["exact_match"], abs=1e-14),
        "f1": pytest.approx(expected["final_f1"], abs=1e-14),
        "examples": len(answered),
    }
    metrics = answer_metrics([case[0] for case in CASES.values()], [case[1] for case in CASES.values()])
    expected = REFERENCE["v2_0"]["all"]
    ours_and_theirs = {
        "exact_match": "exact",
        "f1": "f1",
        "has_answer_exact_match": "HasAns_exact",
        "has_answer_f1": "HasAns_f1",
        "no_answer_accuracy": "NoAns_exact",
    }
    assert metrics.pop("examples") == expected["total"]
    in_per_cent = {name: 100 * value for name, value in metrics.items()}
    assert in_per_cent == {ours: pytest.approx(expected[theirs], abs=1e-12) for ours, theirs in ours_and_theirs.items()}


@pytest.mark.parametrize("case", REFERENCE["thresholds"])
def test_best_threshold(case: dict[str, Any]) -> None:
    scores, null = np.array(case["scores"]), np.array(case["null"])
    not_answered = 1.0 - np.array(case["answerable"], float)
    best, threshold = best_threshold(scores, not_answered, null)
    assert 100 * best == pytest.approx(case["best"], abs=1e-9)
    assert np.where(null > threshold, not_answered, scores).mean() == pytest.approx(best)
    # Theirs is the null score of the last question that is answered (0 if none is).
    answered = null[null <= threshold]
    assert (answered.max() if len(answered) else 0.0) == case["threshold"]


def test_threshold_answers_equal_null_scores_together() -> None:
    best, threshold = best_threshold(np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0]), np.array([1.0, 1.0, 2.0]))
    assert (best, threshold) == (pytest.approx(2 / 3), 3.0)


# --- CMRC 2018: its script, written anew from its steps. ---

SEPARATE = ["-", ":", "_", "*", "^", "/", "\\", "~", "`", "+", "=", "，", "。", "：", "？", "！", "“", "”", "；", "’"]
SEPARATE += ["《", "》", "……", "·", "、", "「", "」", "（", "）", "－", "～", "『", "』"]


def reference_segments(text: str) -> list[str]:
    """Splits at Chinese characters by one regular expression; the rest is for NLTK's tokeniser."""
    text = "".join(c for c in text.lower().strip() if c not in SEPARATE)
    segments: list[str] = []
    for part in re.findall("[\u4e00-\u9fa5]|[^\u4e00-\u9fa5]+", text):
        segments += [part] if re.match("[\u4e00-\u9fa5]", part) else NLTKWordTokenizer().tokenize(part)
    return segments


def reference_cmrc(prediction: str, answers: list[str]) -> tuple[float, float]:
    said, f1 = reference_segments(prediction), 0.0
    for answer in answers:
        wanted = reference_segments(answer)
        runs = {tuple(said[i:j]) for i in range(len(said)) for j in range(i + 1, len(said) + 1)}
        length = max(
            (j - i for i in range(len(wanted)) for j in range(i, len(wanted) + 1) if tuple(wanted[i:j]) in runs),
            default=0,
        )
        if length:
            f1 = max(f1, 2 * length / (len(said) + len(wanted)))

    def bare(text: str) -> str:
        return "".join(c for c in text.lower().strip() if c not in SEPARATE)

    return float(any(bare(prediction) == bare(answer) for answer in answers)), f1


CMRC = [
    ("光荣和ω-force", ["光荣和ω-force"], 1.0, 1.0),
    ("光荣", ["光荣和ω-force", "光荣"], 1.0, 1.0),
    ("光荣", ["光荣和ω-force"], 0.0, 2 * 2 / (2 + 4)),
    ("《战国无双》", ["战国无双"], 1.0, 1.0),
    ("1963年被任为主教", ["1963年"], 0.0, 2 * 2 / (2 + 7)),
    ("红蓝", ["红绿蓝"], 0.0, 2 * 1 / (2 + 3)),
    ("", ["光荣"], 0.0, 0.0),
    ("，。", ["！"], 1.0, 0.0),
    ("……", ["…"], 0.0, 0.0),
    ("It's Mr. Smith", ["it's mr. smith"], 1.0, 1.0),
    ("don't", ["do not"], 0.0, 0.5),
    ("Peter J. Rose所命名", ["由Peter J. Rose命名"], 0.0, None),
    ('"Vulgaris" (L.)', ["vulgaris"], 0.0, None),
    ("ＡＢＣ１２３", ["abc123"], 0.0, 0.0),
    ("3,5 %", ["3,5%", "35"], 0.0, None),
    ("한국어 と 日本語", ["日本語"], 0.0, None),
    (" 光荣 ", ["光荣"], 1.0, 1.0),
    ("光 荣", ["光荣"], 0.0, 1.0),
]


@pytest.mark.parametrize(("prediction", "answers", "exact", "f1"), CMRC)
def test_cmrc(prediction: str, answers: list[str], exact: float, f1: float | None) -> None:
    found = cmrc_score(prediction, answers)
    assert found == pytest.approx(reference_cmrc(prediction, answers))
    assert found[0] == exact
    if f1 is not None:
        assert found[1] == pytest.approx(f1)


def test_cmrc_questions_without_an_answer() -> None:
    assert answer_scores(["", "光荣"], [[], []], "cmrc") == [(1.0, 1.0), (0.0, 0.0)]
