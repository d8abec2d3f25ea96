"""ComfyUI: a graph of nodes on a graphics card of one's own.

Source of all facts about its HTTP API here: recordings against ComfyUI 0.33 and readings of 0.3.64 and 0.38.
"""

LABEL = "ComfyUI"
