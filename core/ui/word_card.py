"""A small picture with the words of a job, for the table's column of pictures."""

from __future__ import annotations

import textwrap
from urllib.parse import quote
from xml.sax.saxutils import escape

from core.domain.job import Job
from core.domain.naming import BIDI_CONTROLS

LINE, LINES = 12, 4  # signs in a line, and lines, that can still be read in a cell of 70 pixels
CARD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 140 96" width="560" height="384">'
    '<rect width="140" height="96" rx="8" fill="#eef3f1" stroke="#cfdad7"/>'
    '<g font-family="sans-serif" font-size="17" fill="#111111">{lines}</g></svg>'
)


def of(job: Job) -> str | None:
    """An address of data; None for a job without words."""
    words = next(iter(job.texts.values()), None)
    if words is None:
        return None
    shown = "".join(sign for sign in words if sign.isprintable() and sign not in BIDI_CONTROLS)
    lines = textwrap.wrap(shown, LINE, max_lines=LINES, placeholder="…") or ["…"]
    drawn = "".join(f'<text x="14" y="{22 + 20 * row}">{escape(line)}</text>' for row, line in enumerate(lines))
    return f"data:image/svg+xml;utf8,{quote(CARD.format(lines=drawn))}"
