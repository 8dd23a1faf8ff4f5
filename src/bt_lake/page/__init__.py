"""The lake in a browser: a server of one's own machine, and the page that it serves."""
