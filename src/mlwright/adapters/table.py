"""The adapters that come with mlwright, as rows of data: listings, `doctor` and docs are made from them."""

from __future__ import annotations

from mlwright.core.adapters import Spec

ROWS: tuple[Spec, ...] = (
    Spec(
        port="store",
        name="local",
        target="mlwright.adapters.store.local:LocalStore",
        summary="Artifacts in a folder of this machine or of a shared file system.",
    ),
    Spec(
        port="executor",
        name="inline",
        target="mlwright.adapters.executor.inline:InlineExecutor",
        summary="Steps run in the calling process, one after the other, so a debugger works.",
    ),
    Spec(
        port="executor",
        name="process",
        target="mlwright.adapters.executor.process:ProcessExecutor",
        summary="Each step runs in a process of its own on this machine.",
    ),
    Spec(
        port="traffic",
        name="gateway",
        target="mlwright.adapters.traffic.gateway:GatewayTraffic",
        summary="Rows are shared among versions by mlwright's own gateway.",
    ),
    Spec(
        port="sweep",
        name="optuna",
        target="mlwright.adapters.sweep.optuna:OptunaAdviser",
        extra="sweeps",
        packages=("optuna",),
        summary="Optuna chooses the parameters of a sweep's trials and stops those that aren't worth it.",
    ),
    Spec(
        port="frame",
        name="pandas",
        target="mlwright.adapters.frame.pandas:frame_of",
        packages=("pandas",),
        summary="Tables of runs as data frames of pandas.",
    ),
    Spec(
        port="frame",
        name="polars",
        target="mlwright.adapters.frame.polars:frame_of",
        packages=("polars",),
        summary="Tables of runs as data frames of polars.",
    ),
    Spec(
        port="flavour",
        name="lightgbm",
        target="mlwright.adapters.flavour.lightgbm:LightgbmFlavour",
        extra="boosting",
        packages=("lightgbm",),
        summary="LightGBM models, kept as LightGBM's own text.",
    ),
    Spec(
        port="flavour",
        name="xgboost",
        target="mlwright.adapters.flavour.xgboost:XgboostFlavour",
        extra="boosting",
        packages=("xgboost",),
        summary="XGBoost models, kept as XGBoost's own UBJSON.",
    ),
    Spec(
        port="flavour",
        name="onnx",
        target="mlwright.adapters.flavour.onnx:OnnxFlavour",
        extra="onnx",
        packages=("onnx", "onnxruntime"),
        summary="ONNX graphs, answered by ONNX Runtime.",
    ),
    Spec(
        port="flavour",
        name="torch",
        target="mlwright.adapters.flavour.torch:TorchFlavour",
        packages=("torch",),
        summary="PyTorch modules compiled to TorchScript; loading one asks for consent.",
    ),
    Spec(
        port="import-source",
        name="mlflow-server",
        target="mlwright.adapters.migration.server:ServerSource",
        summary="An MLflow tracking server, read by its REST API.",
    ),
    Spec(
        port="import-source",
        name="mlflow-folder",
        target="mlwright.adapters.migration.folder:FolderSource",
        extra="mlflow",
        packages=("yaml",),
        summary="A folder mlruns, MLflow's file store.",
    ),
    Spec(
        port="import-source",
        name="mlflow-database",
        target="mlwright.adapters.migration.database:DatabaseSource",
        summary="MLflow's SQLite database, read directly.",
    ),
    Spec(
        port="export-target",
        name="mlflow",
        target="mlwright.adapters.migration.target:ServerTarget",
        summary="An MLflow tracking server, written by its REST API.",
    ),
)
