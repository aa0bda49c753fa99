"""The rule of tests/conftest.py, tried on a small suite of its own, on a machine that seems to lack NATS."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SUITE = """
import pytest

@pytest.mark.needs("nats")
def test_with_nats():
    pass

@pytest.mark.needs("postgresql")
def test_that_skips_itself():
    pytest.skip("no wish to run")

def test_without_parts():
    pytest.skip("this is nobody's gap")
"""
PRETENCE = """
PARTS["nats"] = lambda: "not installed: nats-server"
PARTS["postgresql"] = lambda: None
"""


def run(folder: Path, suite: str = SUITE, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text() + PRETENCE)
    (folder / "test_suite.py").write_text(suite)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    needs(part): a real part\naddopts = -ra\n")
    clean = {name: value for name, value in os.environ.items() if name not in ("CI", "SKYLOOM_REQUIRE_PARTS")}
    root = str(CONFTEST.parents[1])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        cwd=folder,
        env={**clean, "PYTHONPATH": root, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def closing_line(done: subprocess.CompletedProcess[str]) -> str:
    return re.sub(r"[= ]+in .*|^[= ]+", "", done.stdout.splitlines()[-1])


def test_on_a_machine_that_lacks_a_part_its_tests_are_skipped(tmp_path):
    done = run(tmp_path)
    assert (done.returncode, closing_line(done)) == (0, "3 skipped"), done.stdout
    assert "needs nats: not installed: nats-server" in done.stdout


@pytest.mark.parametrize("name", ["CI", "SKYLOOM_REQUIRE_PARTS"])
def test_in_a_build_a_skipped_part_is_a_failure(tmp_path, name):
    done = run(tmp_path, **{name: "1"})
    assert (done.returncode, closing_line(done)) == (1, "1 failed, 1 skipped, 1 error"), done.stdout
    assert "A build may not skip this test" in done.stdout


def test_a_part_that_nobody_knows_is_a_mistake(tmp_path):
    done = run(tmp_path, suite='import pytest\n@pytest.mark.needs("natz")\ndef test_it(): pass\n')
    assert done.returncode == 4
    assert "needs(natz): the parts are" in done.stdout + done.stderr
