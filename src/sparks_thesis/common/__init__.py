"""What chapters share: verdicts, the style of figures, tables in four formats."""
