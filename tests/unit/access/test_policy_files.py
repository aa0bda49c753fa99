"""The operator's policy files: what they replace, when they count, and what is said of those that cannot be used."""

import os
from pathlib import Path

import pytest

from skyloom.access import Caller, Policy
from skyloom.access.policy_files import PolicyFileInvalid, PolicyFiles, PolicyState

DEFAULTS = {
    "admin_required": "role:admin",
    "thing:see": "rule:admin_required",
    "thing:make": "rule:admin_required",
    "thing:drop": "@",
}
READER, ADMIN = (Caller(user_id="u", roles=frozenset({role})) for role in ("reader", "admin"))


class Office:
    """A folder with files, and the policy that they are for. `told`: each state that it was told of."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.policy = Policy([DEFAULTS])
        self.told: list[PolicyState] = []
        self.files = PolicyFiles(folder, self.policy, self.told.append)

    def write(self, name: str, text: str) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def look(self, times: int = 2) -> PolicyState:
        for _ in range(times):
            self.files.look()
        return self.files.state

    def may(self, caller: Caller, action: str) -> bool:
        return self.policy.allows(caller, action)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "policy")


def test_without_files_the_defaults_count(office: Office) -> None:
    office.files.load()
    assert office.told == [PolicyState()]
    assert not office.may(READER, "thing:see")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", '# of ours\n"thing:see": "role:reader"\n'),
        ("a.yml", "thing:see: role:reader\n"),
        ("a.yaml", "thing:see:\n  - role:admin\n  - [role:reader, '@']\n"),
        ("a.yaml", "thing:see: >-\n  role:admin or\n  role:reader\n"),
        ("a.json", '{"thing:see": "role:reader"}'),
        ("a.json", '{\n\t"thing:see": [["role:reader"]]}'),
        ("a.yaml", "mine: role:reader\nthing:see: rule:mine\n"),
        ("a.yaml", "admin_required: role:reader\n"),
    ],
)
def test_a_file_replaces_a_default(office: Office, name: str, text: str) -> None:
    office.write(name, text)
    office.files.load()
    assert office.may(READER, "thing:see")
    assert office.may(READER, "thing:drop"), "what the file does not name is as before"
    assert office.files.state.warnings == ()


def test_of_two_files_the_later_name_counts(office: Office) -> None:
    office.write("b.yaml", "thing:see: role:reader\n")
    office.write("a.json", '{"thing:see": "!", "thing:make": "role:reader"}')
    office.write(".hidden.yaml", "thing:see: '!'\n")
    office.write("notes.txt", "no policy")
    office.files.load()
    assert office.may(READER, "thing:see")
    assert office.may(READER, "thing:make")
    assert office.policy.origins["thing:see"] == f"{office.folder / 'b.yaml'}:1"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "x: role:a\nthing:see: role:a and\n", r"a\.yaml:2: thing:see: .* ends where a check was expected"),
        ("a.yaml", "thing:see: nonsense\n", r"a\.yaml:1: thing:see: .*'nonsense' is no check"),
        ("a.yaml", "thing:see: http://example.org\n", r"a\.yaml:1: thing:see: .*not supported"),
        ("a.yaml", "\nthing:see: rule:admin_requird\n", r"a\.yaml:2: thing:see: .*admin_requird.*admin_required"),
        ("a.yaml", "thing:see: !\n", r"a\.yaml:1: thing:see: a rule is a text in quotes"),
        ("a.yaml", "thing:see:\n", r"a\.yaml:1: thing:see: a rule is a text"),
        ("a.yaml", "thing:see: yes\n", r"a\.yaml:1: thing:see: a rule is a text"),
        ("a.yaml", "thing:see: {a: b}\n", r"a\.yaml:1: thing:see: a rule is a text"),
        ("a.yaml", "thing:see: [[[role:a]]]\n", r"a\.yaml:1: thing:see: a rule is a text"),
        ("a.yaml", "thing:see: '@'\n\nthing:see: '!'\n", r"a\.yaml:3: thing:see: the rule stands in line 1 already"),
        ("a.yaml", "thing:see: @\n", r"a\.yaml:1: this is no YAML"),
        ("a.yaml", "a: b\n\tc: d\n", r"a\.yaml:2: this is no YAML"),
        ("a.yaml", "- role:a\n", r"a\.yaml:1: a policy file is one mapping"),
        ("a.yaml", "", r"a\.yaml is empty"),
        ("a.yaml", "a: &a [*a]\n", r"a\.yaml:1: a: a rule is a text"),
        ("a.yaml", "a: rule:b\nb: rule:a\n", r"a -> b -> a refer to each other in a circle"),
        ("a.json", '{"a": "@",\n "a": "!"}', r"a\.json:2: a: the rule stands in line 1 already"),
        ("a.json", '{\n"thing:see": null}', r"a\.json:2: thing:see: a rule is a text"),
        ("a.json", "{\n]", r"a\.json:2: this is no JSON"),
        ("a.json", "[]", r"a\.json:1: a policy file is one object"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place_and_cause(
    office: Office, name: str, text: str, said: str
) -> None:
    office.write(name, text)
    with pytest.raises(PolicyFileInvalid, match=said):
        office.files.load()
    assert office.policy.origins == {}


def test_bytes_that_are_no_text_are_refused(office: Office) -> None:
    office.write("a.yaml", "")
    (office.folder / "a.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PolicyFileInvalid, match=r"a\.yaml is no text"):
        office.files.load()


def test_a_name_that_nothing_asks_for_is_warned_of(office: Office) -> None:
    office.write("a.yaml", "thing:sea: role:reader\n")
    office.files.load()
    (warning,) = office.files.state.warnings
    assert "a.yaml:1: thing:sea" in warning
    assert "thing:see is like it" in warning


def test_a_change_counts_without_a_restart(office: Office) -> None:
    office.files.load()
    office.write("a.yaml", "thing:see: role:reader\n")
    office.look()
    assert office.may(READER, "thing:see")
    office.write("a.yaml", "thing:make: role:reader\n")
    office.look()
    assert not office.may(READER, "thing:see")
    assert office.may(READER, "thing:make")
    (office.folder / "a.yaml").unlink()
    assert office.look() == PolicyState()
    assert not office.may(READER, "thing:make")


def test_a_change_that_keeps_size_and_time_to_the_second_is_seen(office: Office) -> None:
    office.write("a.yaml", "thing:see: role:reader\n")
    office.files.load()
    path = office.folder / "a.yaml"
    before = path.stat()
    path.write_text("thing:see: role:keeper\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    office.look()
    assert not office.may(READER, "thing:see")


def test_a_file_that_is_being_written_is_not_read_half(office: Office) -> None:
    office.files.load()
    for text in ("thing:see: role:re", "thing:see: role:reader\n", "thing:see: role:reader\nthing:make: '!'\n"):
        office.write("a.yaml", text)
        office.look(1)
        assert not office.may(READER, "thing:see")
    office.look(1)
    assert office.may(READER, "thing:see")
    assert not office.may(ADMIN, "thing:make")


@pytest.mark.parametrize("broken", ["thing:see: role:a and\n", "thing:see: [\n", "", "thing:see: rule:unknown\n"])
def test_the_old_rules_stay_while_a_file_is_broken(office: Office, broken: str) -> None:
    office.write("a.yaml", "thing:see: role:reader\n")
    office.files.load()
    office.write("a.yaml", broken)
    state = office.look()
    assert office.may(READER, "thing:see")
    assert state.trouble is not None
    assert "a.yaml" in state.trouble
    assert "from before are in force" in state.trouble
    told = len(office.told)
    office.look(3)
    assert len(office.told) == told, "said once"
    office.write("a.yaml", "thing:make: role:reader\n")
    assert office.look().trouble is None
    assert not office.may(READER, "thing:see")


def test_nothing_is_read_again_while_nothing_changes(office: Office) -> None:
    office.write("a.yaml", "thing:see: role:reader\n")
    office.files.load()
    rules = office.policy.rules
    office.look(5)
    assert office.policy.rules is rules
