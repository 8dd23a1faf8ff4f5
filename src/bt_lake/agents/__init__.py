"""The lake for programs that search: its questions as tools of the Model Context Protocol."""
