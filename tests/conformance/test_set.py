"""OpenStack's own suite against a simulated cloud: what passed once passes for ever."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from skyloom.cli.conformance import suite
from tests.conformance.record import NOT_OURS, PAGE, SETS, better, counts_of, page, recorded, worse
from tests.parts.ports import free_port

LIMIT_S = 1500


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running simulated cloud of three hosts, its passwords cheap to check."""
    folder = tmp_path_factory.mktemp("conformance")
    options = ["--hypervisor", "simulated", "--hosts", "3", "--password-cost", "8", "--listen"]
    options.append(f"127.0.0.1:{free_port()}")
    skyloom = [sys.executable, "-m", "skyloom.cli"]
    subprocess.run([*skyloom, "up", "--detach", "--state", str(folder), *options], check=True)
    yield folder
    subprocess.run([*skyloom, "down", "--state", str(folder)], check=True)


def test_what_passed_once_passes_for_ever(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "skyloom.cli", "conformance", "--state", str(state)]
    command += [word for name in SETS for word in ("--set", name)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run(
        [*command, "--out", str(out), "--suite", str(suite(None).parent), "--", "--exclude", NOT_OURS],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode in (0, 1), done.stdout[-4000:] + done.stderr[-4000:]
    now = counts_of(json.loads((out / "summary.json").read_text()))
    assert not worse(recorded(), now), f"{worse(recorded(), now)}\n{done.stdout[-6000:]}"
    risen = better(recorded(), now)
    assert not risen, f"Raise the record (tests/conformance/record.py): {risen}"


def test_the_page_shows_the_record() -> None:
    assert PAGE.read_text() == page(recorded())
