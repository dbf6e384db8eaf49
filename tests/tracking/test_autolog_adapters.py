"""The adapters that log trainings by themselves keep their contract."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlwright.testing.autologs import AutologContract, Training

_ROWS = np.random.default_rng(0).normal(size=(80, 3))
_CLASSES = (_ROWS[:, 0] > 0).astype(int)


def _answer(model: Any) -> list[float]:
    return [float(value) for value in model.predict(_ROWS)]


class TestSklearn(AutologContract):
    @pytest.fixture
    def training(self) -> Training:
        from sklearn.decomposition import PCA
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import Pipeline

        return Training(
            "sklearn",
            lambda: LogisticRegression().fit(_ROWS, _CLASSES),
            lambda: LogisticRegression(C=-1).fit(_ROWS, _CLASSES),
            _answer,
            ((LogisticRegression, "fit"), (Pipeline, "fit"), (PCA, "fit_transform")),
        )


class TestLightgbm(AutologContract):
    @pytest.fixture
    def training(self) -> Training:
        lgb = pytest.importorskip("lightgbm")
        params = {"objective": "binary", "verbose": -1, "num_threads": 1}
        return Training(
            "lightgbm",
            lambda: lgb.train(params, lgb.Dataset(_ROWS, _CLASSES), 3),
            lambda: lgb.train(params, lgb.Dataset(_ROWS, _CLASSES), -3),
            _answer,
            ((lgb, "train"), (lgb.engine, "train"), (lgb.sklearn, "train"), (lgb.LGBMClassifier, "fit")),
        )


class TestXgboost(AutologContract):
    @pytest.fixture
    def training(self) -> Training:
        xgb = pytest.importorskip("xgboost")
        return Training(
            "xgboost",
            lambda: xgb.train({"objective": "binary:logistic", "nthread": 1}, xgb.DMatrix(_ROWS, _CLASSES), 3),
            lambda: xgb.train({"objective": "nonsense"}, xgb.DMatrix(_ROWS, _CLASSES), 3),
            lambda model: [float(value) for value in model.predict(xgb.DMatrix(_ROWS))],
            ((xgb, "train"), (xgb.training, "train"), (xgb.sklearn, "train"), (xgb.XGBClassifier, "fit")),
        )
