"""One module per table of the thesis, made from tidy tables only."""
