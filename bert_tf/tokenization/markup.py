"""HTML in texts: tags go, entities become the characters they stand for."""

from __future__ import annotations

import html
import re

# Only names of HTML are tags: "<user>", "<unk>" and "<3" are text, and so is "a < b".
_INLINE = "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q ruby s samp small span"
_INLINE += " strike strong sub sup time tt u var wbr"
_OTHER = "address applet area article aside audio base basefont blockquote body br button canvas caption center col"
_OTHER += " colgroup datalist dd details dialog dir div dl dt embed fieldset figcaption figure footer form frame"
_OTHER += " frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html iframe img input label legend li link main map menu"
_OTHER += " meta meter nav noframes noscript object ol optgroup option output p param picture pre progress rp rt"
_OTHER += " script section select slot source style summary svg table tbody td template textarea tfoot th thead title"
_OTHER += " tr track ul video"
INLINE_NAMES = frozenset(_INLINE.split())
OTHER_NAMES = frozenset(_OTHER.split())

# What the patterns are made of means the same to Python's re and to RE2, which reads them where the model cleans.
SPACES = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_WORD = "A-Za-z0-9_"


_REST = f"(?:[^>{_WORD}][^>]*)?>"  # of what opens with a word


def _any_case(word: str) -> str:
    return "".join(f"[{letter}{letter.upper()}]" for letter in word)


def _tag_pattern(repeat: str) -> str:
    return f"""</?([a-zA-Z][{_WORD}:-]*)([{SPACES}/](?:"[^"]*"|'[^']*'|[^'"<>]){repeat})?>"""


UNSEEN = "|".join(
    [
        "<!--.*?-->",
        f"<!{_any_case('doctype')}{_REST}",
        rf"<\?{_any_case('xml')}{_REST}",
        *(f"<{name}{_REST}.*?</{name}[{SPACES}]*>" for name in map(_any_case, ("script", "style"))),
    ]
)
TAG = _tag_pattern("*")
_UNSEEN = re.compile(UNSEEN, re.DOTALL)
_TAG = re.compile(_tag_pattern("*+"))
# int() refuses numbers of thousands of digits.
_ZEROS = re.compile("&#0{9,}")
_TOO_LARGE = re.compile("&#0*[1-9][0-9]{7,};?")


def without_html(text: str) -> str:
    """Removes tags, comments, scripts and styles and decodes entities, as deep as they are nested.

    A tag inside a word leaves nothing (``H<sub>2</sub>O``), one that breaks the line leaves a space. What was escaped
    twice (``&amp;lt;br&amp;gt;``) is still markup. Python's ``html.parser`` is not used as its answers to broken
    markup differ between releases.
    """
    while "<" in text or "&" in text:
        before = text
        text = _unescape(_TAG.sub(_tag, _UNSEEN.sub(" ", text)))
        if text == before:
            break
    return text


def _tag(match: re.Match[str]) -> str:
    name = match[1].lower()
    if name in INLINE_NAMES:
        return ""
    # Names with a hyphen or colon are a page's own elements, such as <o:p> of Word.
    return " " if name in OTHER_NAMES or ":" in name or "-" in name else match[0]


def _unescape(text: str) -> str:
    return html.unescape(_TOO_LARGE.sub("\ufffd", _ZEROS.sub("&#0", text)))
