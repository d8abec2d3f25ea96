"""What a text from outside may hold, and names that people gave: as they are searched for, and as names of files."""

from __future__ import annotations

import unicodedata

FOLDED_MOST = 400  # characters; an index of Postgres holds no more of a name
# They change the order in which the signs around them are shown. Source: Unicode, PropList, Bidi_Control
BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols by category that show nothing: fillers of Hangul, empty braille, blanks of notation
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U00013441\U00013442\U0001d159")


def is_storable(text: str) -> bool:
    """Whether both job tables can hold it: PostgreSQL takes no NUL, and half a surrogate pair is no text at all."""
    return not any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text)


def is_visible(text: str) -> bool:
    """Whether anything of it can be seen: a letter, a number, a sign or a symbol."""
    return any(unicodedata.category(sign)[0] in "LNPS" and sign not in BLANKS for sign in text)


def turns_direction(text: str) -> bool:
    """Whether it has a sign that turns the direction of what is written around it, on our pages as well."""
    return not BIDI_CONTROLS.isdisjoint(text)


def folded(name: str) -> str:
    """A name as it is searched for: without case, with equal signs written alike. The one rule for every store."""
    # neither a zero character nor half a surrogate pair can be stored or sent to a database
    text = name.replace("\x00", "").encode("utf-8", "ignore").decode("utf-8")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())[:FOLDED_MOST]


def slug(name: str) -> str:
    """A file name people can read: letters and digits of any script, the rest as hyphens; at most 60 characters."""
    normal = unicodedata.normalize("NFC", name).casefold()
    # marks belong to the letters before them in many scripts
    kept = "".join(sign if unicodedata.category(sign)[0] in "LNM" else "-" for sign in normal)
    joined = "-".join(part for part in kept.split("-") if part)
    return joined[:60].strip("-") or "model"
