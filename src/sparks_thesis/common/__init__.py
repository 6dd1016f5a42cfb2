"""Shared by all chapters: verdicts, the style of figures, tables in four formats."""
