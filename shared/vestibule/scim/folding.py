"""When two texts are the same although they are written differently (RFC 7643 §2.2, caseExact false)."""

import unicodedata


def fold(text: str) -> str:
    """One spelling for all cases and compatible forms of a text; folding twice changes nothing."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())


# letters and signs without any ink, which Unicode counts as visible: fillers and the empty Braille cell
_INKLESS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_UNSEEN = frozenset({"Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"})


def is_blank(text: str) -> bool:
    """Whether a text has spaces and invisible characters only: as a name nobody could see it."""
    if text.isascii() and text.isprintable():
        return not text.strip()
    return all(sign in _INKLESS or unicodedata.category(sign) in _UNSEEN for sign in text)
