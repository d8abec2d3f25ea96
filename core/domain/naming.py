"""Names of files, made from names that people gave."""

from __future__ import annotations

import unicodedata


def slug(name: str) -> str:
    """A file name people can read: letters and digits of any script, the rest as hyphens; at most 60 characters."""
    normal = unicodedata.normalize("NFC", name).casefold()
    # marks belong to the letters before them in many scripts
    kept = "".join(sign if unicodedata.category(sign)[0] in "LNM" else "-" for sign in normal)
    joined = "-".join(part for part in kept.split("-") if part)
    return joined[:60].strip("-") or "model"
