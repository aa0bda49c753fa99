"""OpenStack's own suite against a simulated cloud: what passed once passes for ever."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.record import PAGE, SETS, better, counts_of, page, recorded, worse
from tests.conformance.running import run_suite, simulated_cloud


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with simulated_cloud(tmp_path_factory.mktemp("conformance")) as folder:
        subprocess.run([sys.executable, "-m", "tests.conformance.federated_users", str(folder)], check=True)
        yield folder


def test_what_passed_once_passes_for_ever(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run_suite(state, SETS, out)
    assert done.returncode in (0, 1), done.stdout[-4000:] + done.stderr[-4000:]
    now = counts_of(json.loads((out / "summary.json").read_text()))
    assert not worse(recorded(), now), f"{worse(recorded(), now)}\n{done.stdout[-6000:]}"
    risen = better(recorded(), now)
    assert not risen, f"Raise the record (tests/conformance/record.py): {risen}"


def test_the_page_shows_the_record() -> None:
    assert PAGE.read_text() == page(recorded())
