"""Pictures and models in a folder of this machine."""
