"""BLEU and chrF by sacrebleu, with the signature that makes them comparable."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from bert_tf.errors import UserError
from bert_tf.tokenization.han_characters import HAN

_OTHER_SPACELESS = re.compile(
    "[\u3040-\u30ff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)  # kana, Thai, Lao, Burmese, Khmer


def translation_metrics(
    translations: Sequence[str], references: Sequence[str], *, tokenize: str = "auto"
) -> dict[str, Any]:
    """Scores translations: ``bleu`` and ``chrf`` from 0 to 100, and the ``…_signature`` of each.

    Args:
        translations: what the model wrote.
        references: one translation of each by people.
        tokenize: sacrebleu's tokeniser for BLEU; ``auto`` takes ``zh`` where most references are Chinese, ``char``
            for other languages without spaces, else ``13a``.

    Raises:
        UserError: sacrebleu is not installed.

    Reference:
        Papineni et al. 2002; Popović 2015; Post 2018 (signatures).
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise UserError('Translations are scored by sacrebleu: pip install "bert-tf[translation]".') from None
    bleu = BLEU(tokenize=tokenizer_for(references) if tokenize == "auto" else tokenize)
    chrf = CHRF()
    return {
        "bleu": bleu.corpus_score(list(translations), [list(references)]).score,
        "chrf": chrf.corpus_score(list(translations), [list(references)]).score,
        "bleu_signature": str(bleu.get_signature()),
        "chrf_signature": str(chrf.get_signature()),
    }


def tokenizer_for(references: Sequence[str]) -> str:
    """The name of sacrebleu's tokeniser for texts like these: by the script of most of them."""
    votes = {"zh": 0, "char": 0, "13a": 0}
    for text in references:
        other = bool(_OTHER_SPACELESS.search(text))
        votes["char" if other else "zh" if HAN.search(text) else "13a"] += 1
    return max(votes, key=votes.__getitem__)
