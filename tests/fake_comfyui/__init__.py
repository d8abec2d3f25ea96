"""A ComfyUI that behaves as the recorded one does, with books, faults and a clock of the test's own."""
