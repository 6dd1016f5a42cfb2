"""Systems beside the thesis: what explanations have in common, circuits, and paths of gradients."""

# Feature accentuation: what images are changed towards, and how.
TOWARDS = ("its own class", "another class")
CHANGES = ("accentuation", "gradient", "shuffled phases")
# Universal dictionaries: the network of the control, in the column `evaluator`.
UNTRAINED = "untrained"
