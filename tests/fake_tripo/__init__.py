"""A Tripo for tests: speaks v3, keeps a ledger of what it created and billed, and misbehaves on command."""
