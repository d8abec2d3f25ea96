"""The use cases: submit, dispatch, poll, collect, reconcile, and the read side."""
