"""Samples of the API, one a call of the walk: `python -m tests.rules.samples` writes them, a test compares them.

What differs from run to run (ids, times, secrets, addresses) is replaced by what does not, each id by a number within
its sample, so that two places with the same id can still be seen to be the same thing.
"""

import json
import re
import shutil
import sys
from collections.abc import Mapping
from typing import Any

from tests.cloud import Cloud
from tests.rules import walks
from tests.rules.source import ROOT
from tests.rules.walk import Asked, Call, Record, Walker

FOLDER = ROOT / "docs" / "samples"
ID = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|(?<![0-9a-zA-Z])[0-9a-f]{12}4[0-9a-f]{19}(?![0-9a-zA-Z])"
)
"""Random ones only; those that a new cloud starts with are the same in every cloud."""
REPLACED = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"), "2026-01-31T12:00:00"),
    (re.compile(r"(2026-01-31T12:00:00)\.\d{6}"), r"\1.000000"),
    (re.compile(r"gAAAAA[\w=-]+"), "gAAAAA-a-token"),
    (re.compile(r"OS-EC2/[0-9a-f]{32}"), "OS-EC2/an-access-key"),
    (re.compile(r"fa:16:3e(:[0-9a-f]{2}){3}"), "fa:16:3e:00:00:01"),
    (re.compile(r"r-[0-9a-z]{8}\b"), "r-00000001"),
    (re.compile(r"\bhost-10-20-0-\d+\b"), "host-10-20-0-10"),
    (re.compile(r"\bhost-\d\b(?!-)"), "host-1"),
    (re.compile(r"instance-[0-9a-f]{8}\b"), "instance-00000001"),
    (re.compile(r"\b(10\.20\.0|198\.51\.100)\.(?!(?:0|1|2|9|253|254)\b)\d+"), r"\1.10"),
)
SECRET = frozenset(
    {
        "access",
        "adminPass",
        "audit_chain_id",
        "audit_id",
        "audit_ids",
        "oauth_verifier",
        "original_password",
        "password",
        "private_key",
        "secret",
        "signature",
    }
)
CHOSEN = frozenset(
    {
        "addr",
        "expires_in",
        "fixed_ip_address",
        "floating_ip_address",
        "hostId",
        "hostid",
        "ip_address",
        "progress",
        "tap",
    }
)
"""What the cloud chooses; shown as a word."""


def made(record: Record) -> dict[str, str]:
    """Path below docs/samples -> content. A GET has one for the oldest and one for the newest version it is in."""
    found: dict[str, str] = {}
    seen: dict[str, int] = {}
    for call, asked in record.done:
        name = _name(call, asked)
        assert name not in found, f"{name}: two calls of the walk need a variant to tell them apart"
        found[name] = json.dumps(_sample(call, asked, seen), indent=1, ensure_ascii=False) + "\n"
    return found


def _name(call: Call, asked: Asked) -> str:
    path = re.sub(r"[{}]", "", asked.route.path).strip("/").replace("/", ".") or "root"
    variant = f".{call.variant}" if call.variant else ""
    version = f"@{asked.version}" if asked.version else ""
    return f"{asked.api}/{path}.{asked.method.lower()}{variant}{version}.json"


def _sample(call: Call, asked: Asked, seen: dict[str, int]) -> Any:
    sample: dict[str, Any] = {"request": f"{asked.method} {asked.url}"}
    if asked.body is not None:
        sample["body"] = f"{len(asked.body)} bytes" if isinstance(asked.body, bytes) else asked.body
    sample["status"] = asked.answer.status
    sample["reply"] = _reply(asked)
    return _without_chance(sample, seen)


def _reply(asked: Asked) -> Any:
    kind = asked.answer.headers.get("Content-Type", "")
    if not asked.answer.body:
        return None
    return json.loads(asked.answer.body) if "json" in kind else f"{len(asked.answer.body)} bytes of {kind}"


def _without_chance(sample: Mapping[str, Any], seen: dict[str, int]) -> Any:
    """`seen`: the ids of earlier samples, in the order in which they came."""
    text = _replaced(json.dumps(_ordered(_hidden(sample), seen)))
    numbers: dict[str, str] = {}

    def numbered(found: re.Match[str]) -> str:
        seen.setdefault(found[0], len(seen))
        number = numbers.setdefault(found[0], str(len(numbers) + 1))
        return f"{number:0>8}-0000-4000-8000-000000000000" if "-" in found[0] else f"{number:0>32}"

    return json.loads(ID.sub(numbered, text))


def _replaced(text: str) -> str:
    for pattern, word in REPLACED:
        text = pattern.sub(word, text)
    return text


def _hidden(value: Any, name: str = "") -> Any:
    if name in SECRET and isinstance(value, str | list):
        return "a secret" if isinstance(value, str) else ["a secret"]
    if name in CHOSEN and isinstance(value, str | int):
        return f"a {name}"
    if isinstance(value, dict):
        return {key: _hidden(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_hidden(each, name) for each in value]
    return value


def _ordered(value: Any, seen: Mapping[str, int]) -> Any:
    """Lists in an order that does not hang on random ids: by what is not random, then by what was seen first."""
    if isinstance(value, dict):
        return {key: _ordered(inner, seen) for key, inner in value.items()}
    if not isinstance(value, list):
        return value

    def rank(each: Any) -> str:
        text = _replaced(json.dumps(each, sort_keys=True))
        return ID.sub("", text) + " ".join(f"{seen.get(found, 10**6):07}" for found in ID.findall(text))

    return sorted((_ordered(each, seen) for each in value), key=rank)


def main() -> int:
    cloud = Cloud()
    try:
        walker = Walker(cloud)
        for walk in walks.ALL:
            walker.walk(walk)
    finally:
        cloud.close()
    shutil.rmtree(FOLDER, ignore_errors=True)
    samples = made(walker.record)
    for name, content in samples.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    sys.stdout.write(f"docs/samples: {len(samples)} samples\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
