"""The operator's policy files: rules in oslo.policy's language that replace defaults, read at the start and on change.

All *.yaml, *.yml and *.json of one folder, in the order of their names: where two have the same rule the later counts.
At the start a file that cannot be used is refused. Later the rules stay as they are until it can, and the trouble is
told. A file is read when it has been the same for two looks, so that one being written is not read half.
"""

import difflib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skyloom.access.language import RuleInvalid, Text, parse, references
from skyloom.access.policy import Policy
from skyloom.errors import BadRequest

log = logging.getLogger(__name__)
YAML, JSON = (".yaml", ".yml"), (".json",)
LARGEST = 1 << 20
LOOK_EVERY_S = 1.0
Signature = Sequence[tuple[str, int, int, int]]


class PolicyFileInvalid(BadRequest):
    """A policy file cannot be read, or a rule in it cannot be used: told with file, line, rule and cause."""

    code = "policy.file_invalid"


@dataclass(frozen=True, slots=True)
class Entry:
    """A rule as a file has it; `line` counts from one."""

    path: Path
    line: int
    name: str
    rule: Text

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"

    def refused(self, cause: str) -> PolicyFileInvalid:
        return PolicyFileInvalid(f"{self.place}: {self.name}: {cause}")


@dataclass(frozen=True, slots=True)
class PolicyState:
    """What is in force. `trouble`: why the files as they are now are not."""

    files: Sequence[str] = ()
    rules: int = 0
    trouble: str | None = None
    warnings: Sequence[str] = field(default=())


class PolicyFiles:
    """`tell` is called with each new state."""

    def __init__(self, folder: Path, policy: Policy, tell: Callable[[PolicyState], None] = lambda state: None):
        self.folder = folder
        self.policy = policy
        self.tell = tell
        self.state = PolicyState()
        self._taken: Signature = ()
        self._seen: Signature = ()

    def load(self) -> None:
        """Put the files in force; raises PolicyFileInvalid, and the rules stay as they were."""
        self._taken = self._seen = self._signature()
        entries = [entry for path in _files(self.folder) for entry in read(path)]
        chosen = {entry.name: entry for entry in entries}
        self._check(chosen)
        try:
            self.policy.override(
                {name: entry.rule for name, entry in chosen.items()},
                {name: entry.place for name, entry in chosen.items()},
            )
        except RuleInvalid as error:
            raise PolicyFileInvalid(f"{self.folder}: {error.sentence}") from error
        files = tuple(dict.fromkeys(str(entry.path) for entry in entries))
        self._say(PolicyState(files, len(chosen), None, self._warnings(chosen)))

    def look(self) -> None:
        """Take up the files if they have changed. For a loop."""
        found = self._signature()
        if found == self._taken:
            self._seen = found
            return
        if found != self._seen:
            self._seen = found
            return
        try:
            self.load()
        except PolicyFileInvalid as error:
            trouble = f"{error.sentence} The rules from before are in force."
            self._say(PolicyState(self.state.files, self.state.rules, trouble, self.state.warnings))

    def _say(self, state: PolicyState) -> None:
        self.state = state
        if state.trouble is not None:
            log.error("policy: %s", state.trouble)
        elif state.files:
            log.info("policy: %d rules of %s are in force", state.rules, ", ".join(state.files))
        for warning in state.warnings if state.trouble is None else ():
            log.warning("policy: %s", warning)
        self.tell(state)

    def _signature(self) -> Signature:
        found = []
        for path in _files(self.folder):
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue
            found.append((path.name, stat.st_mtime_ns, stat.st_size, stat.st_ino))
        return tuple(found)

    def _check(self, chosen: Mapping[str, Entry]) -> None:
        known = {*self.policy.defaults, *chosen}
        for entry in chosen.values():
            try:
                node = parse(entry.rule)
            except RuleInvalid as error:
                raise entry.refused(error.sentence) from error
            for name in references(node):
                if name not in known:
                    raise entry.refused(f"it refers to rule:{name}, and there is no such rule{_like(name, known)}.")

    def _warnings(self, chosen: Mapping[str, Entry]) -> Sequence[str]:
        used = {name for entry in chosen.values() for name in references(parse(entry.rule))}
        return tuple(
            f"{entry.place}: {entry.name}: nothing asks for a rule of this name"
            f"{_like(entry.name, self.policy.defaults)}."
            for entry in chosen.values()
            if entry.name not in self.policy.defaults and entry.name not in used
        )


def read(path: Path) -> Sequence[Entry]:
    """The rules of one file in their order; raises PolicyFileInvalid."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        text = raw.decode()
    except OSError as error:
        raise PolicyFileInvalid(f"{path} cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise PolicyFileInvalid(f"{path} is no text in UTF-8.") from error
    if len(raw) > LARGEST:
        raise PolicyFileInvalid(f"{path} is larger than {LARGEST} bytes.")
    if not text:
        raise PolicyFileInvalid(f"{path} is empty; remove it to go back to the defaults.")
    entries = list(_json(path, text) if path.suffix in JSON else _yaml(path, text))
    seen: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in seen:
            raise entry.refused(f"the rule stands in line {seen[entry.name].line} already.")
        seen[entry.name] = entry
        _check_form(entry)
    return entries


def _files(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        return ()
    found = (path for path in folder.iterdir() if path.suffix in (*YAML, *JSON) and not path.name.startswith("."))
    return sorted(found)


def _check_form(entry: Entry) -> None:
    rule = entry.rule
    listed = isinstance(rule, list) and all(
        isinstance(way, str) or (isinstance(way, list) and all(isinstance(check, str) for check in way)) for way in rule
    )
    if not isinstance(rule, str) and not listed:
        raise entry.refused(
            'a rule is a text in quotes ("" allows everybody, "!" nobody) or a list of lists of checks.'
        )


def _json(path: Path, text: str) -> Iterator[Entry]:
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        raise PolicyFileInvalid(f"{path}:{error.lineno}: this is no JSON: {error.msg}.") from error
    if not isinstance(pairs, _Pairs):
        raise PolicyFileInvalid(f"{path}:1: a policy file is one object of rules by their names.")
    places: dict[str, int] = {}
    for name, rule in pairs.items:
        found = re.compile(rf"{re.escape(json.dumps(name))}\s*:").search(text, places.get(name, 0))
        places[name] = found.end() if found else 0
        yield Entry(path, text.count("\n", 0, found.start()) + 1 if found else 1, name, rule)


class _Pairs:
    """An object as it is written, the same key twice included."""

    def __init__(self, items: Sequence[tuple[str, Any]]):
        self.items = items


def _yaml(path: Path, text: str) -> Iterator[Entry]:
    # Here and not above: a cloud without such a file spends nothing on it.
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise PolicyFileInvalid(f"{path}:{line}: this is no YAML: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise PolicyFileInvalid(f"{path}: this is no YAML: {error}.") from error
    if root is None:
        return
    if not isinstance(root, yaml.MappingNode):
        raise PolicyFileInvalid(
            f"{path}:{root.start_mark.line + 1}: a policy file is one mapping of rules by their names."
        )
    for key, value in root.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else "?"
        yield Entry(path, key.start_mark.line + 1, name, _plain(value))


def _plain(node: Any, depth: int = 0) -> Any:
    """Texts and lists of them; None for anything else. An empty word without quotes is no text: YAML reads `!` so, and
    would make everybody of nobody."""
    if node.id == "sequence" and depth < 2:
        return [_plain(each, depth + 1) for each in node.value]
    is_text = node.id == "scalar" and node.tag == "tag:yaml.org,2002:str"
    return node.value if is_text and (node.value or node.style) else None


def _like(name: str, known: Any) -> str:
    found = difflib.get_close_matches(name, known, 1, 0.8)
    return f"; {found[0]} is like it" if found else ""
