"""One module per figure of the thesis, drawn from artifacts only."""
