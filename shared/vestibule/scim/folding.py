"""When two texts are the same although they are written differently (RFC 7643 §2.2, caseExact false)."""

import re
import unicodedata
from typing import Final

MOST_MARKS: Final = 100  # in a row; no writing needs more than 30 (UAX #15, D3)


def fold(text: str) -> str:
    """One spelling for all cases and compatible forms of a text; folding twice changes nothing."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


def stacks_marks(text: str) -> bool:
    """Whether more combining marks follow each other than in any writing.

    To fold such a text is to put its marks in order, which takes the square of their number: minutes for what
    fits into a body.
    """
    if len(text) <= MOST_MARKS or text.isascii():
        return False
    marks = "".join(sign for sign in set(text) if _is_mark(sign))
    return bool(marks) and re.search(f"[{re.escape(marks)}]{{{MOST_MARKS + 1}}}", text) is not None


def _is_mark(sign: str) -> bool:
    """Whether it is put on the letter before it, written in whatever compatible form."""
    return all(unicodedata.combining(part) for part in unicodedata.normalize("NFKD", sign))


# letters and signs without any ink, which Unicode counts as visible: fillers and the empty Braille cell
_INKLESS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})


def is_blank(text: str) -> bool:
    """Whether a text has spaces and invisible characters only: as a name nobody could see it."""
    if text.isascii() and text.isprintable():
        return not text.strip()
    return all(sign in _INKLESS or unicodedata.category(sign) in _UNSEEN for sign in text)
