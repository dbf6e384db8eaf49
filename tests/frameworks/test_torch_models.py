"""Models of PyTorch, on PyTorch itself: the port's contract, the registry and back, the gateway."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch

from mlwright import errors, registry
from mlwright import project as projects
from mlwright.adapters.flavour.torch import TorchFlavour
from mlwright.ledger import delivery
from mlwright.ledger.delivery import Arm
from mlwright.project import Project
from mlwright.registry import Column
from mlwright.registry.port import Flavour
from mlwright.server.main import background
from mlwright.testing.flavours import Fitted, FlavourContract

# PyTorch's own export asks its own tree of values in a way that will go, and TorchScript as a whole will.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]
X = np.random.default_rng(7).normal(size=(40, 3))
ROWS = {0: torch.export.Dim.DYNAMIC}


@pytest.fixture(scope="module")
def network() -> Any:
    torch.manual_seed(0)
    layers = torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 1)
    return torch.nn.Sequential(*layers).eval()


@pytest.fixture(scope="module")
def program(network: Any) -> Any:
    return torch.export.export(network, (torch.zeros(2, 3),), dynamic_shapes=(ROWS,))


@pytest.fixture(scope="module")
def compiled(network: Any) -> Any:
    return torch.jit.trace(network, torch.zeros(2, 3))


def answer_of(module: Any) -> np.ndarray:
    return np.asarray(module(torch.from_numpy(X.astype("float32"))).detach().numpy()[:, 0])


def columns() -> dict[str, np.ndarray]:
    return {f"x{place}": X[:, place] for place in range(3)}


class TestTorchProgram(FlavourContract):
    @pytest.fixture
    def flavour(self) -> Flavour:
        return TorchFlavour()

    @pytest.fixture
    def fitted(self, network: Any, program: Any) -> Fitted:
        return Fitted(program, X, answer_of(network), "value")


@pytest.mark.parametrize("kind", ["program", "compiled"])
def test_a_model_is_registered_on_consent_and_answers_again(
    project: Project, network: Any, request: pytest.FixtureRequest, kind: str
) -> None:
    model = request.getfixturevalue(kind)
    with pytest.raises(errors.PermissionDenied, match="not stored unless you wish it"):
        registry.register_model("net", model, project=project, example=columns())
    version = registry.register_model("net", model, project=project, example=columns(), allow_pickle=True)
    assert (version.flavour, version.codec, version.unsafe) == ("torch", "torch", True)
    assert [column.name for column in version.signature.inputs] == ["x0", "x1", "x2"]
    assert {"torch", "numpy", "python"} <= set(version.lineage["packages"])
    with pytest.raises(errors.PermissionDenied, match="stored with pickle"):
        registry.load_model("net", project=project)
    found = registry.load_model("net", project=project, allow_pickle=True)
    np.testing.assert_allclose(found.predict(columns())["value"], answer_of(network), rtol=1e-5)
    for rows in (1, 2):
        few = {name: values[:rows] for name, values in columns().items()}
        np.testing.assert_allclose(found.predict(few)["value"], answer_of(network)[:rows], rtol=1e-5)
    again = registry.register_model("net", model, project=project, example=columns(), allow_pickle=True)
    assert again.digest == version.digest


def test_a_file_that_was_changed_is_not_loaded(project: Project, program: Any) -> None:
    version = registry.register_model("net", program, project=project, allow_pickle=True)
    files = [path for path in Path(project.settings.home).rglob("*") if path.is_file()]
    stored = [path for path in files if b"archive_format" in path.read_bytes()]
    for path in stored:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert stored
    with pytest.raises(errors.IntegrityError):
        registry.load_model(version.ref, project=project, allow_pickle=True)


def test_what_can_not_answer_rows_of_columns_is_refused_with_the_way_out(project: Project, network: Any) -> None:
    fixed = torch.export.export(network, (torch.zeros(2, 3),))
    many = torch.export.export(torch.nn.Linear(3, 5).eval(), (torch.zeros(2, 3),), dynamic_shapes=(ROWS,))
    pair = torch.export.export(_Pair(), (torch.zeros(2, 3), torch.zeros(2, 3)), dynamic_shapes=(ROWS, ROWS))
    for model, kind, said in (
        (network, errors.Unsupported, "Python code"),
        (fixed, errors.InvalidDefinition, "answers 2 rows and no other number"),
        (many, errors.Unsupported, "several numbers for a row"),
        (pair, errors.InvalidDefinition, "takes 2 inputs"),
    ):
        with pytest.raises(kind, match=said):
            registry.register_model("net", model, project=project, example=columns(), allow_pickle=True)
    with pytest.raises(errors.InvalidDefinition, match="doesn't tell what it takes"):
        registry.register_model("net", network, project=project, allow_pickle=True)


class _Pair(torch.nn.Module):
    def forward(self, one: Any, other: Any) -> Any:
        return (one + other).sum(1)


def test_the_gateway_serves_it_with_its_signature_where_the_deployment_consents(
    project: Project, network: Any, program: Any
) -> None:
    registry.register_model(
        "net", program, project=project, columns=[Column(f"x{n}", "FP64") for n in range(3)], allow_pickle=True
    )
    with project.ledger.write("user:test") as tx:
        delivery.put_deployment(tx, "live", "net", {"allow_pickle": True})
        delivery.set_traffic(tx, "live", [Arm(arm="stable", version=1, weight=1.0)], reason="test")
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [len(X)], "data": values.tolist()}
        for name, values in columns().items()
    ]
    with background(project) as url:
        told = httpx2.get(f"{url}/v2/models/live").json()
        assert [(given["name"], given["datatype"]) for given in told["inputs"]] == [
            ("x0", "FP64"),
            ("x1", "FP64"),
            ("x2", "FP64"),
        ]
        answered = httpx2.post(f"{url}/v2/models/live/infer", json={"inputs": inputs})
        assert answered.status_code == 200, answered.text
        (found,) = [output for output in json.loads(answered.content)["outputs"] if output["name"] == "value"]
        np.testing.assert_allclose(found["data"], answer_of(network), rtol=1e-5)
        refused = httpx2.post(f"{url}/v2/models/live/infer", json={"inputs": inputs[:2]})
        assert refused.status_code == 400
        assert "x2" in refused.text


def test_the_example_of_the_page_about_frameworks_runs(project: Project) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/frameworks.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    projects.use(project)
    exec(block, {})
    found = registry.load_model("net", project=project, allow_pickle=True)
    assert len(found.predict({f"x{n}": np.zeros(2) for n in range(3)})["value"]) == 2
