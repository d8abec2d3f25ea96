"""What the pages share: words, formats, job cards, the 3D viewer, and the way to the services."""
