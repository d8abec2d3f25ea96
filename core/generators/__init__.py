"""One folder for each maker of models: everything about it is inside.

A folder's `connect` module is how it is found: `KNOWN` is its declaration as far as it is known before it is connected,
`connect` makes it of the settings.
"""
