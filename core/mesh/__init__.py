"""GLB bytes in, facts out. Pure functions."""
