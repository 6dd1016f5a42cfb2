"""Tables of claims, data and models, and pages about all chapters, made from runs."""
