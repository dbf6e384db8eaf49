"""Artifacts: content named by its SHA-256 digest, written atomically, verified on read, shared by all that are equal.

`port.py` says what a store can do, `store.py` opens one, `codecs/` turns values into blobs and back, `trees.py` does so
for folders, and `gc.py` removes what nothing refers to any more.
"""
