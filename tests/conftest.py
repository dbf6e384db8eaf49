"""What all tests share: a project in a fresh folder, and ledgers on SQLite and on a private PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from mlwright import project as projects
from mlwright.core.settings import HOME_NAME, PROJECT_FILE
from mlwright.ledger import Ledger
from mlwright.project import Project
from postgres_cluster import Absent, Cluster

# How long an example takes, and how long it takes to make one, says more about what else the machine does than about
# the code. The same examples each time: a failure is the change's own, and not found by luck on the day of a release.
_SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
settings.register_profile("house", _SETTINGS, derandomize=True)
#: What `make test-all` uses: other examples each time.
settings.register_profile("roaming", _SETTINGS)
settings.load_profile("house")

#: The modules that take longest: begun first, so that no worker is left alone with one at the end.
LONG = (
    "test_documentation",
    "test_tracking_client",
    "test_flights_demo",
    "test_models_client",
    "test_kill",
    "test_killed_sweeps",
    "test_moving_from_mlflow",
    "test_monitors",
    "test_searching_runs",
    "test_killed_training",
    "test_schemathesis",
    "test_sweeps",
    "test_mlflow_fuzz",
    "test_faults",
    "test_executors",
    "test_flights_features",
    "test_page_in_browser",
    "test_engine",
    "test_spec",
    "test_remote_tracking",
)
BOTH_DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def pytest_configure(config: pytest.Config) -> None:
    """Let the long tests, where they are wanted, look further."""
    if config.option.markexpr == "":
        settings.load_profile("roaming")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the modules that take longest, each as a whole and in its own order."""
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem, len(LONG)))


@pytest.fixture(autouse=True)
def _no_outside_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget the caller's MLWRIGHT_* variables, and after each test the process's project."""
    for name in [name for name in os.environ if name.startswith("MLWRIGHT_")]:
        monkeypatch.delenv(name)
    # Tests that are about what is captured ask for it; the others are not slowed down by git.
    monkeypatch.setenv("MLWRIGHT_CAPTURE", "none")
    yield
    left = projects.use(None)
    if left is not None:
        left.close()


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite ledger in which nothing has happened, to be copied: making its tables takes ten times as long."""
    path = tmp_path_factory.mktemp("empty") / "ledger.db"
    Ledger(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def project_folder(tmp_path: Path, empty_ledger: Path) -> Path:
    """A folder that is a project of its own, whatever lies in the folders above it; nothing has happened in it."""
    (tmp_path / PROJECT_FILE).write_text('durability = "normal"\nactor = "user:test"\n')
    (tmp_path / HOME_NAME).mkdir()
    shutil.copyfile(empty_ledger, tmp_path / HOME_NAME / "ledger.db")
    return tmp_path


@pytest.fixture
def project(project_folder: Path) -> Iterator[Project]:
    """An open project with an SQLite ledger in a fresh folder."""
    with Project.open(project_folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[Cluster]:
    """One server for the whole session; without one its tests are skipped, with the reason."""
    try:
        cluster = Cluster()
    except Absent as absent:
        pytest.skip(f"no PostgreSQL: {absent}")
    yield cluster
    cluster.close()


@pytest.fixture
def postgres_url(postgres_cluster: Cluster) -> Iterator[str]:
    """The URL of a PostgreSQL database with a ledger in which nothing has happened."""
    url = postgres_cluster.fresh()
    yield url
    postgres_cluster.drop(url)


@pytest.fixture(params=BOTH_DATABASES)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path, empty_ledger: Path) -> str:
    """The URL of a ledger in which nothing has happened: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        shutil.copyfile(empty_ledger, tmp_path / "ledger.db")
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=BOTH_DATABASES)
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without tables: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    cluster = request.getfixturevalue("postgres_cluster")
    url = cluster.bare()
    yield url
    cluster.drop(url)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """A fresh ledger: once on SQLite, once on PostgreSQL."""
    with Ledger(ledger_url, durability="normal") as opened:
        yield opened


@pytest.fixture
def untraced() -> Iterator[None]:
    """Measures nothing but the code: a tracer, if there is one, is off until the test ends."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let processes that tests start be interrupted, even where these tests run as a shell's background job."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A real browser for the tests of a module, after which its event loop is gone; absent, they are skipped."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=flags, timeout=240_000)
        yield opened
        opened.close()
