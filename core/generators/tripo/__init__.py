"""Tripo's API, version 3. Source for every fact here: Tripo's v3 guides and its official SDK, read in November 2026."""
