"""How a search is written for LIKE."""

from __future__ import annotations


def like(search: str) -> str:
    """A LIKE pattern that matches the search text literally, or an empty text."""
    if not search:
        return ""
    literal = search.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"
