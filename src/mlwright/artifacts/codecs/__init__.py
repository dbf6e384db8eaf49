"""Codecs: how a value becomes a blob and comes back, the same value with the same type.

A codec is chosen by the value's type, or asked for by name. Equal values give equal bytes, so their digest is the same
(a dictionary's order is part of its value). What no codec can bring back unchanged is refused, never bent.

| codec | values |
| --- | --- |
| `text`, `bytes` | `str`, `bytes` |
| `json` | None, numbers, lists, dicts, tuples, sets, times, enums, dataclasses and msgspec Structs, nested at will |
| `numpy` | a NumPy array |
| `columns` | a dict of names and NumPy arrays: the plain frame |
| `tensors` | a PyTorch tensor, or a dict of names and tensors (`state_dict()`) |
| `arrow`, `parquet` | a `pyarrow.Table`; parquet on request |
| `pandas` | a `pandas.DataFrame` |
| `file`, `folder` | a `pathlib.Path` |
| `skops` | a scikit-learn estimator |
| `bundle` | what `json` takes, with values of the other codecs inside |
| `pickle` | anything, only on request: loading it runs whatever code it holds |
"""

from mlwright.artifacts.codecs.registry import Codec, Saved, load, names, register, save

__all__ = ["Codec", "Saved", "load", "names", "register", "save"]
