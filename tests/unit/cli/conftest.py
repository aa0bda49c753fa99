from pathlib import Path

import pytest

from skyloom.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "cloud")
    home.make()
    return home
