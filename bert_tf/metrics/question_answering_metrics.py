"""Exact match and F1 of answers, equal to the official scripts of SQuAD 1.1, SQuAD 2.0 and CMRC 2018."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Score = tuple[float, float]
"""Exact match and F1 of one answer, 0 to 1."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

# As CMRC's script lists them; its entry "……" is two characters long, so that no character ever equals it.
_CMRC_SEPARATE = set("-:_*^/\\~`+=，。：？！“”；’《》·、「」（）－～『』")
_CMRC_CHINESE = re.compile("[\u4e00-\u9fa5]")


def answer_metrics(
    predictions: Sequence[str], references: Sequence[Sequence[str]], metric: str = "squad"
) -> dict[str, Any]:
    """Scores answers from 0 to 1; the official scripts print the same numbers times 100.

    Args:
        predictions: an answer for each question; an empty one says that there is none.
        references: the right answers of each question; none where the text does not hold one.
        metric: ``squad`` or ``cmrc``.

    Returns:
        ``exact_match``, ``f1`` and ``examples``. Where some questions have no answer and others have, also
        ``has_answer_exact_match`` and ``has_answer_f1`` over the ones, ``no_answer_accuracy`` over the others.
    """
    scores = np.array(answer_scores(predictions, references, metric)).reshape(-1, 2)
    answerable = np.array([bool(answers) for answers in references], bool)
    found = {"exact_match": float(scores[:, 0].mean()), "f1": float(scores[:, 1].mean())}
    if answerable.any() and not answerable.all():
        found["has_answer_exact_match"], found["has_answer_f1"] = map(float, scores[answerable].mean(0))
        found["no_answer_accuracy"] = float(scores[~answerable, 0].mean())
    return {**found, "examples": len(scores)}


def answer_scores(
    predictions: Sequence[str], references: Sequence[Sequence[str]], metric: str = "squad"
) -> list[Score]:
    """Exact match and F1 of each answer: the best over the right answers.

    SQuAD's two scripts differ in answers that are nothing but articles and punctuation: that of version 2.0 scores, if
    some question has no answer.
    """
    score: Callable[[str, Sequence[str]], Score]
    if metric == "cmrc":
        score = cmrc_score
    elif all(references):
        score = squad_score
    else:
        score = squad_2_score
    return [score(prediction, answers) for prediction, answers in zip(predictions, references, strict=True)]


def squad_score(prediction: str, answers: Sequence[str]) -> Score:
    """SQuAD 1.1: equal after normalisation; F1 over the words. Rajpurkar et al. 2016, section 6.1."""
    said = _normalize(prediction)
    wanted = [_normalize(answer) for answer in answers]
    return float(said in wanted), max(_word_f1(said.split(), answer.split()) for answer in wanted)


def squad_2_score(prediction: str, answers: Sequence[str]) -> Score:
    """SQuAD 2.0: as 1.1, but where there is no answer an empty one is right. Rajpurkar et al. 2018."""
    said = _normalize(prediction)
    wanted = [normal for normal in map(_normalize, answers) if normal] or [""]
    if wanted == [""] or not said:
        return float(said in wanted), float(said in wanted)
    return float(said in wanted), max(_word_f1(said.split(), answer.split()) for answer in wanted)


def cmrc_score(prediction: str, answers: Sequence[str]) -> Score:
    """CMRC 2018: equal but for punctuation; F1 over the longest common run of Chinese characters and words.

    Words of other scripts are cut by NLTK. The official script has it look for sentences first, with a model that it
    downloads; here all that stands between two Chinese characters is one sentence. That CMRC 2018 does not ask for: a
    question without an answer is answered rightly by an empty text.

    Reference:
        Cui et al. 2019, section 4; cmrc2018_evaluate.py, version 5.
    """
    if not answers:
        return (float(not prediction),) * 2
    said, said_tokens = _without_cmrc_punctuation(prediction), _cmrc_tokens(prediction)
    exact = any(said == _without_cmrc_punctuation(answer) for answer in answers)
    f1 = 0.0
    for answer in answers:
        tokens = _cmrc_tokens(answer)
        if common := _longest_common_run(tokens, said_tokens):
            f1 = max(f1, _f1(common, len(said_tokens), len(tokens)))
    return float(exact), f1


def best_threshold(answered: np.ndarray, not_answered: np.ndarray, null_scores: np.ndarray) -> tuple[float, float]:
    """The threshold of the null score that gives the best total; questions above it are not answered.

    Args:
        answered: score of each question's answer, ``(questions,)`` float.
        not_answered: score of each question if it is not answered, ``(questions,)`` float.
        null_scores: how much speaks against answering, ``(questions,)`` float.

    Returns:
        The best mean score and a threshold between the null scores of two questions (1 beyond the last one, if all are
        answered alike); of equally good ones the lowest, as in SQuAD 2.0's script.
    """
    order = np.argsort(null_scores, kind="stable")
    sorted_scores = null_scores[order].astype(np.float64)
    totals = np.concatenate([[0.0], np.cumsum((answered - not_answered)[order])]) + not_answered.sum()
    # Questions with equal null scores are answered together.
    possible = np.concatenate([[True], sorted_scores[1:] != sorted_scores[:-1], [True]])
    best = int(np.argmax(np.where(possible, totals, -np.inf)))
    around = np.concatenate([[sorted_scores[0] - 2], sorted_scores, [sorted_scores[-1] + 2]])
    return float(totals[best] / len(order)), float((around[best] + around[best + 1]) / 2)


def _normalize(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def _word_f1(said: list[str], wanted: list[str]) -> float:
    common = sum((Counter(said) & Counter(wanted)).values())
    return _f1(common, len(said), len(wanted)) if common else 0.0


def _f1(common: int, said: int, wanted: int) -> float:
    # In the scripts' order of operations, so that the last digit is theirs too.
    precision, recall = 1.0 * common / said, 1.0 * common / wanted
    return (2 * precision * recall) / (precision + recall)


def _cmrc_tokens(text: str) -> list[str]:
    from nltk.tokenize import word_tokenize  # only here: it takes a second to import

    tokens: list[str] = []
    other = ""

    def cut_other() -> None:
        nonlocal other
        tokens.extend(word_tokenize(other, preserve_line=True) if other else ())
        other = ""

    for character in text.lower().strip():
        if character in _CMRC_SEPARATE:
            continue
        if _CMRC_CHINESE.match(character):
            cut_other()
            tokens.append(character)
        else:
            other += character
    cut_other()
    return tokens


def _without_cmrc_punctuation(text: str) -> str:
    return "".join(character for character in text.lower().strip() if character not in _CMRC_SEPARATE)


def _longest_common_run(a: Sequence[str], b: Sequence[str]) -> int:
    longest, row = 0, [0] * (len(b) + 1)
    for token in a:
        row = [0, *(row[place] + 1 if token == other else 0 for place, other in enumerate(b))]
        longest = max(longest, max(row))
    return longest
