"""When two texts are the same although they are written differently (RFC 7643 §2.2, caseExact false)."""

import unicodedata


def fold(text: str) -> str:
    """One spelling for all cases and compatible forms of a text; folding twice changes nothing."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", folded).casefold())
