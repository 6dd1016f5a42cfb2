"""Settings of the whole configuration: the tree (`root`), and the kinds of option in it.

The settings of a study stand in the folder of its chapter, `sparks_thesis/CHAPTER/settings.py`.
"""
