"""Logs a file of 1 GiB and gets it back; prints how long each took."""

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path

import mlflow

folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
file = folder / "large.bin"
block = os.urandom(1 << 20)
wanted = hashlib.sha256()
with file.open("wb") as opened:
    for number in range(1024):
        piece = number.to_bytes(8, "big") + block[8:]
        wanted.update(piece)
        opened.write(piece)
with mlflow.start_run() as run:
    started = time.perf_counter()
    mlflow.log_artifact(str(file))
    uploaded = time.perf_counter()
    file.unlink()
    got = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/large.bin", dst_path=str(folder))
    print(f"up {uploaded - started:.1f} s, down {time.perf_counter() - uploaded:.1f} s")
with open(got, "rb") as opened:
    assert hashlib.file_digest(opened, "sha256").hexdigest() == wanted.hexdigest()
Path(got).unlink()
print("done")
