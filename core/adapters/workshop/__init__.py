"""Child processes that measure, draw and convert models."""
