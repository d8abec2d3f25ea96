"""Addresses that people and programs give us: the only code that fetches them."""
