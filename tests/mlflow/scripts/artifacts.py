"""Logs files, folders, texts, dicts, figures, images and tables, and gets them back."""

import os
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd

import mlflow
from mlflow import MlflowClient

mpl.use("Agg")
import matplotlib.pyplot as plt

client = MlflowClient()
folder = Path(tempfile.mkdtemp())
(folder / "sub" / "deep").mkdir(parents=True)
(folder / "top.txt").write_text("top")
(folder / "sub" / "ü ñ%41+&=.json").write_text("{}")
(folder / "sub" / "deep" / "empty.bin").write_bytes(b"")
with mlflow.start_run() as run:
    mlflow.log_artifact(str(folder / "top.txt"))
    mlflow.log_artifact(str(folder / "top.txt"), "copies/of")
    mlflow.log_artifacts(str(folder), "all")
    mlflow.log_text("some text", "notes/text.txt")
    mlflow.log_dict({"a": [1, 2]}, "config.yaml")
    mlflow.log_dict({"a": [1, 2]}, "config.json")
    mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "black.png")
    mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
    figure = plt.figure()
    figure.gca().plot([1, 2, 3])
    mlflow.log_figure(figure, "plots/line.png")
id_ = run.info.run_id
listed = {entry.path: (entry.is_dir, entry.file_size) for entry in client.list_artifacts(id_)}
assert listed["top.txt"] == (False, 3)
assert listed["all"] == (True, None)
assert set(listed) == {
    "top.txt",
    "copies",
    "all",
    "notes",
    "config.yaml",
    "config.json",
    "black.png",
    "table.json",
    "plots",
}
assert [entry.path for entry in client.list_artifacts(id_, "copies/of")] == ["copies/of/top.txt"]
assert client.list_artifacts(id_, "top.txt") == []
assert mlflow.artifacts.load_text(f"runs:/{id_}/notes/text.txt") == "some text"
assert mlflow.artifacts.load_dict(f"runs:/{id_}/config.json") == {"a": [1, 2]}
assert mlflow.artifacts.load_image(f"runs:/{id_}/black.png").size == (4, 4)
assert mlflow.artifacts.load_image(f"runs:/{id_}/plots/line.png").size[0] > 10
assert isinstance(mlflow.load_table("table.json", run_ids=[id_]), pd.DataFrame)
got = Path(mlflow.artifacts.download_artifacts(f"runs:/{id_}/all"))
found = {str(path.relative_to(got)): path.read_bytes() for path in got.rglob("*") if path.is_file()}
assert found == {"top.txt": b"top", "sub/ü ñA+&=.json": b"{}", "sub/deep/empty.bin": b""}, found
whole = Path(mlflow.artifacts.download_artifacts(run_id=id_))
assert (whole / "copies/of/top.txt").read_text() == "top"
single = mlflow.artifacts.download_artifacts(f"mlflow-artifacts:/0/{id_}/artifacts/top.txt")
assert Path(single).read_text() == "top"
said = ""
try:
    mlflow.artifacts.download_artifacts(f"runs:/{id_}/none.txt")
except Exception as error:
    said = str(error)
assert "none.txt" in said, said

# In parts, and in ranges.
os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE"] = "1"
os.environ["MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE"] = str(5 << 20)
os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = "true"
os.environ["MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE"] = str(3 << 20)
large = folder / "large.bin"
large.write_bytes(os.urandom(12 << 20))
client.log_artifact(id_, str(large), "parts")
got = Path(client.download_artifacts(id_, "parts/large.bin"))
assert got.read_bytes() == large.read_bytes()
print("done")
