"""HTTP: the REST API, files, and the third-party files the browser needs."""
