"""Where the cloud's secrets go: never where others of the machine can read them."""

import os
from pathlib import Path

import pytest

from skyloom.db import Database
from skyloom.db.database import DatabaseUrlInvalid
from skyloom.home import Home, Plan, PlanInvalid
from skyloom.parts.processes import Processes
from tests.parts.plans import plan

URL = "postgresql+psycopg://sky:hush-hush@db.example.org/sky"


def test_urls_come_from_the_environment_and_leave_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYLOOM_DATABASE", URL)
    monkeypatch.setenv("SKYLOOM_BUS", "nats")
    made = plan(home)
    assert (made.database_url, made.bus_url) == (URL, "nats")
    assert not {"SKYLOOM_DATABASE", "SKYLOOM_BUS"} & set(os.environ), "a daemon of the cloud would inherit them"
    assert plan(home).database_url == URL, "the next start needs no option again"


def test_an_option_goes_before_the_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYLOOM_DATABASE", "sqlite://")
    assert plan(home, "--database", URL).database_url == URL


def test_a_file_that_holds_the_url_is_read_at_each_start(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(f"{URL}\n")
    monkeypatch.chdir(tmp_path)
    assert plan(home, "--database", "file:secret").database_url == URL
    assert URL not in (home.folder / "plan.json").read_text()
    monkeypatch.chdir("/")
    (tmp_path / "secret").write_text("postgresql+psycopg://other")
    assert home.plan().database_url == "postgresql+psycopg://other"
    (tmp_path / "secret").unlink()
    with pytest.raises(PlanInvalid, match="cannot be read"):
        _ = home.plan().database_url


def test_what_holds_secrets_is_its_owners_only(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made = plan(home, "--database", URL)
    assert "hush" not in repr(made)
    assert _mode(home.folder / "plan.json") == 0o600
    assert _mode(Path(Plan().database_url or home.database_url.removeprefix("sqlite:///"))) == 0o600
    monkeypatch.setattr("sys.argv", ["skyloom", "up", "--database", URL])
    processes = Processes(home.processes, home.logs)
    processes.adopt("skyloom")
    assert "hush" not in (home.processes / "skyloom.process").read_text()


@pytest.mark.parametrize("url", ["mysql://sky:hush-hush@db/sky", "nonsense:hush-hush", "oracle+x://hush-hush@h/n"])
def test_a_url_that_cannot_be_used_is_told_without_quoting_it(url: str) -> None:
    with pytest.raises(DatabaseUrlInvalid) as caught:
        Database(url)
    assert "hush" not in str(caught.value) and caught.value.__cause__ is None


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
