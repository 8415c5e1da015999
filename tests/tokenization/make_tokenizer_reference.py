"""Writes ``tokenizer_reference.json``: texts and the ids that Hugging Face's fast tokeniser gives them.

python -m tests.tokenization.make_tokenizer_reference
"""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

TEXTS = {
    "english": "The unaffable film isn't lovely, it's U.S.-made (2024)!",
    "chinese": "我非常喜欢这本书。这本书很差！",
    "mixed": "iPhone15发布了，价格¥5,999元/台 — really？",
    "full_width": "ＡＢＣ１２３，。！？（全角）",
    "emoji": "喜欢😀👩‍👩‍👧‍👦🇨🇳❤️ ok",
    "accents": "Café naïve Ångström e\u0301 ﬁancé ẞ straße İstanbul ǅ",
    "greek_final_sigma": "ΟΔΟΣ ΣΟΦΟΣ",
    "control": "a\u0000b\u0007c\u00add\u200be\ufefff\u202eg\tx\r\ny\u3000z",
    "private_and_unassigned": "a\ue000b \u0378 a\U0001343fb \ufffd",
    "hangul_thai_arabic": "한국어 가각 ภาษาไทย العربية ﷺ",
    "empty": "",
    "only_spaces": " \u00a0\u3000\t",
    "special_names": "[unused1] ##ab",
}


def main() -> None:
    characters = sorted({c for text in TEXTS.values() for c in text + text.lower() if not c.isspace()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "love", "##ly", "un", "##aff", "##able"]
    vocabulary += [c for c in characters if 0x20 < ord(c) < 0x1F000 and c.isprintable()]
    vocabulary += [f"##{c}" for c in characters if c.isalnum() and ord(c) < 0x3000]
    ids = {token: index for index, token in enumerate(dict.fromkeys(vocabulary))}
    cases = {}
    for name, text in TEXTS.items():
        cases[name] = {"text": text}
        for kind, lowercase in (("uncased", True), ("cased", False)):
            tokenizer = BertWordPieceTokenizer(ids, lowercase=lowercase)
            cases[name][kind] = tokenizer.encode(text, add_special_tokens=False).ids
    content = {"vocabulary": list(ids), "cases": cases}
    target = Path(__file__).with_name("tokenizer_reference.json")
    target.write_text(json.dumps(content, ensure_ascii=True, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
