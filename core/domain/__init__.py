"""What a job is, which words describe it, and what can go wrong. No input or output happens here."""
