"""Trainings with PyTorch Lightning, on Lightning itself."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from real_trainings import artifacts, only_run, params, values
from torch.utils.data import DataLoader, TensorDataset

from mlwright import autolog
from mlwright import project as projects
from mlwright.ledger import curves, runs
from mlwright.project import Project
from mlwright.testing.autologs import AutologContract, Training

# Lightning 2.6 asks PyTorch 2.13 for what will go, and advises on loaders, which are small on purpose here.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:The '.*dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:The number of training batches"),
]

_ROWS = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
_TARGET = _ROWS[:, :1] * 2


class _Line(pl.LightningModule):
    """A line, fitted by gradient descent."""

    def __init__(self, rate: float = 0.1) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch: Any, place: int) -> Any:
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch: Any, place: int) -> None:
        self.log("val_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=self.hparams["rate"])


def _loader() -> Any:
    return DataLoader(TensorDataset(_ROWS, _TARGET), batch_size=16)


def _trainer(folder: Path, **more: Any) -> Any:
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return pl.Trainer(**{"max_epochs": 2, "accelerator": "cpu", "default_root_dir": folder, **quiet, **more})


def _train(folder: Path, model: Any = None, **more: Any) -> Any:
    torch.manual_seed(1)
    model = model or _Line()
    _trainer(folder, **more).fit(model, _loader(), _loader())
    return model


class TestLightning(AutologContract):
    @pytest.fixture
    def training(self, tmp_path: Path) -> Training:
        return Training(
            "lightning",
            lambda: _train(tmp_path),
            lambda: _train(tmp_path, torch.nn.Linear(3, 1)),
            lambda model: model.layer(_ROWS).ravel().tolist(),
            ((pl.Trainer, "fit"),),
        )


@pytest.fixture
def logged(project: Project) -> Iterator[Project]:
    """A project that Lightning's trainings are logged to."""
    projects.use(project)
    autolog("lightning")
    yield project
    autolog("lightning", off=True)


class _LateWord(_Line):
    """Tells something when all else of an epoch is over."""

    def on_train_epoch_end(self) -> None:
        self.log("late", float(self.current_epoch))


def test_each_epoch_has_its_own_metrics_and_no_others(logged: Project, tmp_path: Path) -> None:
    _train(tmp_path, _LateWord(), max_epochs=4, check_val_every_n_epoch=2)
    assert values(logged, "late") == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    assert [step for step, _ in values(logged, "train_loss")] == [0, 1, 2, 3]
    assert [step for step, _ in values(logged, "val_loss")] == [1, 3]
    losses = [value for _, value in values(logged, "train_loss")]
    assert losses == sorted(losses, reverse=True)


def test_parameters_are_those_of_trainer_module_and_optimizer(logged: Project, tmp_path: Path) -> None:
    _train(tmp_path, _Line(rate=0.25))
    found = params(logged)
    wanted = {"max_epochs": 2, "rate": 0.25, "optimizer": "SGD", "optimizer/lr": 0.25, "precision": "32-true"}
    assert {key: found[key] for key in wanted} == wanted


def test_the_best_checkpoint_and_the_weights_are_kept(logged: Project, tmp_path: Path) -> None:
    best = ModelCheckpoint(tmp_path / "kept", monitor="val_loss", mode="max", filename="top")
    model = _train(tmp_path, max_epochs=3, enable_checkpointing=True, callbacks=[best])
    found = artifacts(logged)
    assert found["checkpoints/top.ckpt"].read_bytes() == Path(best.best_model_path).read_bytes()
    assert torch.load(found["checkpoints/top.ckpt"], weights_only=True)["epoch"] == 0
    again = _Line()
    again.load_state_dict(found["weights.safetensors"])
    assert torch.equal(again.layer(_ROWS), model.layer(_ROWS))
    assert values(logged, "checkpoint/best_score") == [(0, float(best.best_model_score))]


def test_a_training_that_is_stopped_early_says_when_and_at_which_value(logged: Project, tmp_path: Path) -> None:
    # The loss has to grow, and it falls.
    stop = EarlyStopping("val_loss", mode="max", patience=2)
    _train(tmp_path, max_epochs=9, callbacks=[stop])
    assert values(logged, "stopped_epoch") == [(0, 2.0)]
    assert values(logged, "early_stopping/best_score") == [(0, float(stop.best_score))]
    found = params(logged)
    assert (found["early_stopping/monitor"], found["early_stopping/patience"]) == ("val_loss", 2)


class _Falls(_Line):
    """Fails in its third epoch."""

    def training_step(self, batch: Any, place: int) -> Any:
        if self.current_epoch == 2 and place == 1:
            raise ArithmeticError("no gradient")
        return super().training_step(batch, place)


def test_a_training_that_falls_keeps_the_epochs_before(logged: Project, tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, max_epochs=4)
    before = list(trainer.callbacks)
    with pytest.raises(ArithmeticError):
        trainer.fit(_Falls(), _loader(), _loader())
    assert only_run(logged).status == "failed"
    assert [step for step, _ in values(logged, "train_loss")] == [0, 1]
    assert trainer.callbacks == before


@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_checkpoint_is_the_same_as_without_and_can_be_gone_on_with(logged: Project, tmp_path: Path) -> None:
    def checkpoint(name: str) -> Any:
        kept = ModelCheckpoint(tmp_path / name, filename="last")
        _train(tmp_path, enable_checkpointing=True, callbacks=[kept])
        return torch.load(tmp_path / name / "last.ckpt", weights_only=True)

    watched = checkpoint("watched")
    autolog("lightning", off=True)
    plain = checkpoint("plain")
    assert watched.keys() == plain.keys()
    assert [key.partition("{")[0] for key in watched["callbacks"]] == [
        key.partition("{")[0] for key in plain["callbacks"]
    ]
    assert all(torch.equal(watched["state_dict"][key], plain["state_dict"][key]) for key in plain["state_dict"])
    autolog("lightning")
    kept = ModelCheckpoint(tmp_path / "watched", filename="last")
    trainer = _trainer(tmp_path, max_epochs=3, enable_checkpointing=True, callbacks=[kept])
    trainer.fit(_Line(), _loader(), _loader(), ckpt_path=tmp_path / "watched" / "last.ckpt")
    with logged.ledger.read() as connection:
        row = runs.list_runs(connection)[0]
        assert [point.step for point in curves.history(connection, row.id, "train_loss")] == [2]


def test_of_several_processes_only_the_first_logs(
    logged: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pl.Trainer, "is_global_zero", False)
    _train(tmp_path)
    with logged.ledger.read() as connection:
        assert runs.list_runs(connection) == []


class _Copying(pl.Callback):
    """Copies what follows a training."""

    def __init__(self) -> None:
        self.copies: list[Any] = []

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        self.copies.append(pickle.loads(pickle.dumps(trainer.callbacks[-1])))  # noqa: S301


def test_a_trainer_can_go_to_another_process_while_it_is_watched(logged: Project, tmp_path: Path) -> None:
    mine = _Copying()
    _train(tmp_path, max_epochs=1, callbacks=[mine])
    assert [type(copy) for copy in mine.copies] == [pl.Callback]


def test_nothing_is_said_in_the_log_when_all_is_well(
    logged: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mlwright.autolog"):
        _train(tmp_path, limit_val_batches=0)
        _train(tmp_path, fast_dev_run=True)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("mlwright")] == []
