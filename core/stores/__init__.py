"""One folder for each place where things are kept: jobs, files."""
