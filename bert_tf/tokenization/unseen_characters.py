"""Classes of characters that cleaning removes or keeps, as Python's ``re`` and the graph read them."""

from __future__ import annotations

# Arabic, Indic and other scripts whose letters join: there ZWJ and ZWNJ are spelling.
JOINING = (
    "\u0600-\u061b\u061d-\u109f\u1780-\u1cff\ua800-\uab2f\uabc0-\uabff\ufb50-\ufdff\ufe70-\ufefc\U00010a00-\U00011fff"
)
EMOJI = "\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f300-\U0001faff"
ARROWS = "\u2190-\u21ff"
# A flag such as Scotland's: a black flag, tag characters, and the one that ends them.
FLAG, TAGS, END_OF_TAGS = "\U0001f3f4", "\U000e0020-\U000e007e", "\U000e007f"
INVISIBLE = (
    # Control characters, but not those that are whitespace.
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"
    # Soft hyphen, zero-width space, bidi marks, byte order mark and other format characters that nobody sees.
    "\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
    # Halves of surrogate pairs, and the replacement character, which stands for them in UTF-8.
    "\ud800-\udfff\ufffd"
)
CONTROL_SPACES = "\x0b\x0c\x1c-\x1f\x85"
