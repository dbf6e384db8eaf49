"""Adapters: one readable file for each outside system. `table.py` lists them; nothing imports them by statement."""
