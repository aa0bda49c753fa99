"""OpenStack's own tests of password history and lock-out, which need a cloud that has them on."""

import json
from pathlib import Path

from tests.conformance.record import COMPLIANCE_OPTIONS, COMPLIANCE_SET, COMPLIANCE_SETTINGS
from tests.conformance.running import run_suite, simulated_cloud


def test_the_security_compliance_tests_pass(tmp_path: Path) -> None:
    settings = tmp_path / "compliance.toml"
    settings.write_text(COMPLIANCE_SETTINGS)
    with simulated_cloud(tmp_path / "cloud", "--config", str(settings)) as state:
        done = run_suite(state, [COMPLIANCE_SET], tmp_path / "out", *COMPLIANCE_OPTIONS)
    counts = json.loads((tmp_path / "out" / "summary.json").read_text())["services"]["identity"]
    assert (counts["passed"], done.returncode) == (4, 0), done.stdout[-6000:] + done.stderr[-2000:]
