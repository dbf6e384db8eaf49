"""The command line: `main.py` is the boundary, `commands.py` the table, and each noun has a module of its own."""
