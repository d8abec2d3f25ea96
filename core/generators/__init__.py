"""One folder for each maker of models: everything about it is inside."""
