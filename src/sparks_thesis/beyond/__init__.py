"""Systems beside the thesis: what explanations have in common, circuits, and paths of gradients."""
