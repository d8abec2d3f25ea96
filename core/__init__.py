"""Maquette: pictures become 3D models. See docs/architecture.md."""

__version__ = "0.1.0"
