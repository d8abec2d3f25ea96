"""ComfyUI: a graph of nodes on a graphics card of one's own."""
