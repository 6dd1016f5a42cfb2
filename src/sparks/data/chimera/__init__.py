"""Chimera: scenes made of known parts, so that the truth about an explanation is known.

`catalogue` says which parts and classes there are, `shapes` and `textures` draw one part,
`backgrounds` cuts photographs, `scene` composes and paints, `clicks` simulates people, and
`builder` makes the splits.
"""
