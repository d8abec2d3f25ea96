"""The kinds of jobs that everybody may know, one module each. Every module here is found; none is listed."""
