"""How values and metrics read, wherever a person meets them."""
