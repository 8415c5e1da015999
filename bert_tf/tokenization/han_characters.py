"""Chinese characters, as far as texts are counted or told apart by them."""

from __future__ import annotations

import re

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""One character of the CJK Unified Ideographs, their extensions or the compatibility ideographs. What BERT's tokeniser
takes for a word of its own is another question: ``character_classes``."""
