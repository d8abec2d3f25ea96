"""A server that is at work on the picture from its standard input: to be killed by a test."""

from __future__ import annotations

import sys

from core.sandbox.pictures import PictureChildren
from core.settings import harmless_environment

PictureChildren(environment=harmless_environment()).prepare(sys.stdin.buffer.read(), max_bytes=2**30)
