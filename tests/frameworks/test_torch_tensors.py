"""Tensors and weights of PyTorch come back without pickle."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch

from mlwright.adapters.store.local import LocalStore
from mlwright.artifacts import codecs
from mlwright.errors import TypeMismatch


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "artifacts")


def round_trip(store: LocalStore, value: Any) -> Any:
    saved = codecs.save(store, value)
    return codecs.load(store, saved.digest, saved.codec)


_TYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.bool]


@pytest.mark.parametrize("dtype", _TYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (2, 3, 1)], ids=str)
def test_a_tensor_comes_back(store: LocalStore, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    tensor = torch.randint(0, 2, shape).to(dtype)
    found = round_trip(store, tensor)
    assert (found.dtype, found.shape) == (dtype, tensor.shape)
    assert torch.equal(found, tensor)


def test_weights_of_a_module_come_back_and_are_the_same_file_each_time(store: LocalStore) -> None:
    def network() -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))

    module, again = network(), network()
    saved = codecs.save(store, module.state_dict())
    assert (saved.codec, saved.unsafe) == ("tensors", False)
    assert codecs.save(store, module.state_dict()).digest == saved.digest
    found = codecs.load(store, saved.digest, saved.codec)
    assert type(found) is OrderedDict
    assert list(found) == list(module.state_dict())
    again.load_state_dict(found)
    rows = torch.randn(5, 3)
    assert torch.equal(again.eval()(rows), module.eval()(rows))
    found["0.weight"].zero_()
    assert codecs.load(store, saved.digest, saved.codec)["0.weight"].any()


def test_the_file_is_what_the_format_says(store: LocalStore) -> None:
    digest = codecs.save(store, {"a": torch.tensor([1.5]), "b": torch.arange(3).t()}).digest
    content = store.read(digest)
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    about = header.pop("__metadata__")
    assert all(type(value) is str for value in about.values())
    assert length % 8 == 0
    assert header == {
        "b": {"dtype": "I64", "shape": [3], "data_offsets": [0, 24]},
        "a": {"dtype": "F32", "shape": [1], "data_offsets": [24, 28]},
    }
    assert len(content) == 8 + length + 28


def test_what_is_spread_in_memory_or_shared_comes_back_whole(store: LocalStore) -> None:
    table = torch.arange(12.0).reshape(3, 4)
    found = round_trip(
        store, {"columns": table.t(), "part": table[:, 1], "all": table, "grown": torch.zeros(1).expand(4)}
    )
    assert torch.equal(found["columns"], table.t())
    assert torch.equal(found["part"], table[:, 1])
    assert found["grown"].tolist() == [0.0] * 4
    assert not round_trip(store, torch.nn.Parameter(torch.ones(2))).requires_grad


def test_a_checkpoint_with_its_optimizer_comes_back(store: LocalStore) -> None:
    module = torch.nn.Linear(3, 1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    module(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "model": module.state_dict(), "optimizer": optimizer.state_dict()}
    saved = codecs.save(store, checkpoint)
    found = codecs.load(store, saved.digest, saved.codec)
    again = torch.nn.Linear(3, 1)
    again.load_state_dict(found["model"])
    torch.optim.Adam(again.parameters()).load_state_dict(found["optimizer"])
    assert torch.equal(again.weight, module.weight)
    assert found["epoch"] == 3


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(2, dtype=torch.complex64),
        {"a": torch.eye(2).to_sparse()},
        torch.nn.Linear(1, 1),
    ],
    ids=["complex", "sparse", "module"],
)
def test_what_the_format_has_no_place_for_is_refused_by_name(store: LocalStore, value: Any) -> None:
    with pytest.raises(TypeMismatch):
        codecs.save(store, value)
