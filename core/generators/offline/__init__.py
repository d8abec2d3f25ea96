"""The built-in engine: makes a model from one picture on this machine, without any account.

A small network cuts the object out; its depth and its back are guessed from the outline.
"""
