"""The job table in one SQLite file: for one machine, with no account anywhere."""
