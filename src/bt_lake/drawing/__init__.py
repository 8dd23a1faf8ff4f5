"""Pictures as SVG, from numbers and labels; nothing to install.

A room that knows no run: `charts` draws series, bars, grids and points on the `scales`, `Picture`
writes itself. Colours are those of the `theme`, light and dark; every label is text.
"""
