"""Tests on the real frameworks. They run where these are installed: `make frameworks`, and tests/test_frameworks.py."""

from __future__ import annotations

import importlib.util
import os

# Elsewhere there is nothing to collect: the suite runs them with the interpreter of .venv-frameworks.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
os.environ["KERAS_BACKEND"] = "torch"
