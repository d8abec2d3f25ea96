"""A generator that throws pots on a wheel: a whole one, and small. A test adds its folder and changes nothing else."""
