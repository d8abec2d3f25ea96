"""Picture bytes in, a checked, upright picture without metadata out. Pure functions."""
