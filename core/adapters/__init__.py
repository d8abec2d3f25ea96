"""One folder for each thing outside: a database, a disk, a vendor, the built-in engine."""
