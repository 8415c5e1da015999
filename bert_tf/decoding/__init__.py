"""Writing sequences token by token, in the graph."""
