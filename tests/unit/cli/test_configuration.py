"""The operator's settings: where they are looked for, and what is said of those that cannot be."""

from pathlib import Path

import pytest

from skyloom.home import Home, Plan
from skyloom.wire.configuration import Configuration, ConfigurationInvalid, configuration
from tests.parts.plans import plan


def test_without_a_file_everything_has_its_default(home: Home) -> None:
    assert configuration(home, Plan()) == Configuration()


def test_the_file_in_the_folder_counts_without_a_word(home: Home) -> None:
    (home.folder / "skyloom.toml").write_text("[identity]\ntoken_life_s = 60\nlist_limit = 5\n")
    found = configuration(home, Plan()).identity
    assert (found.token_life_s, found.list_limit, found.region) == (60, 5, "RegionOne")


def test_a_file_that_was_named_once_is_kept_to(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own.toml").write_text("[identity]\ntoken_life_s = 60\n")
    monkeypatch.chdir(tmp_path)
    plan(home, "--config", "own.toml")
    monkeypatch.chdir("/")
    kept = plan(home)
    assert configuration(home, kept).identity.token_life_s == 60
    (tmp_path / "own.toml").write_text("[identity]\ntoken_life_s = 90\n")
    assert configuration(home, kept).identity.token_life_s == 90, "read at each start"
    (tmp_path / "own.toml").unlink()
    with pytest.raises(ConfigurationInvalid, match=r"own\.toml cannot be read \(No such file"):
        configuration(home, kept)


def test_the_option_goes_before_the_file(home: Home) -> None:
    (home.folder / "skyloom.toml").write_text("[identity]\npassword_cost = 5\n")
    assert configuration(home, Plan()).identity.password_cost == 5
    assert configuration(home, Plan(password_cost=4)).identity.password_cost == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[identity]\ntoken_lief_s = 1",
            "[identity] token_lief_s: there is no such key; docs/configuration.md lists those there are.",
        ),
        ("[identity]\ntoken_life_s = 'x'", "[identity] token_life_s: expected int, got str."),
        ("[identity]\ntoken_life_s = true", "[identity] token_life_s: expected int, got bool."),
        ("[identity]\ntoken_life_s = 0", "[identity] token_life_s: expected int >= 1."),
        ("[identity]\nregion = 1", "[identity] region: expected str, got int."),
        (
            "[identity]\npassword_regex = '('",
            "[identity]: password_regex is no regular expression: missing ), unterminated subpattern at position 0.",
        ),
        ("identity = 1", "[identity]: expected object, got int."),
        ("[idendity]", "idendity: there is no such table; docs/configuration.md lists those there are."),
    ],
)
def test_what_cannot_be_is_told_with_file_key_and_rule(home: Home, text: str, sentence: str) -> None:
    path = home.folder / "skyloom.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationInvalid) as caught:
        configuration(home, Plan())
    assert str(caught.value) == f"{path}: {sentence}"


@pytest.mark.parametrize("content", [b"[identity", b"\xff\xfe"])
def test_what_is_no_toml_is_told(home: Home, content: bytes) -> None:
    (home.folder / "skyloom.toml").write_bytes(content)
    with pytest.raises(ConfigurationInvalid, match=r"skyloom\.toml is no TOML: "):
        configuration(home, Plan())
