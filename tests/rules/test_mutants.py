"""Whatever is wrong with a request is told by a 4xx in the service's own form, and a refused request changes nothing.

Before each call of the walk, its mutants are sent: of its body, of the fullest body that it takes, of its query, its
headers and the ids in its path. Each is rehearsed, so that all of them meet the cloud in which the call succeeds.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pytest

from skyloom.web.routes import Api, Route
from tests.api.client import Answer
from tests.cloud import Cloud
from tests.parts.postgresql import FreshDatabases
from tests.rules import mutants, walks
from tests.rules.rehearsal import RehearsedDatabase
from tests.rules.test_bodies import FORMS, TRACE
from tests.rules.walk import WRITES, Call, Walker
from tests.rules.walks.rich import RICH

NOT_BUILT = 501
OAUTH2 = "/OS-OAUTH2/token"
NOT_KNOWN = 401
"""What signs in by a proof that nobody has is tried all the same."""

SPENT = "oauth1"
"""The variant of the call whose nonce is used up by a proof that is right, even if the sign-in fails after that."""


@dataclass
class Tried:
    """`wrong`: rule -> what broke it. `count`: how many requests of a kind were sent."""

    count: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def note(self, rule: str, told: str) -> None:
        self.wrong.setdefault(rule, []).append(told)


class MutantWalker(Walker):
    """`every`: of reading, each so many of the mutants is sent; more than 1: of reading alone."""

    def __init__(self, cloud: Cloud, database: RehearsedDatabase, every: int = 1):
        super().__init__(cloud)
        self.every = every
        self.database = database
        self.tried = Tried()
        self.turn = 0

    def _try_first(self, api: Api, route: Route, call: Call, version: str) -> None:
        if api.name not in FORMS:
            return
        self.turn += 1
        if self.every == 1:
            self._try_bodies(api, call, version)
            self._try_headers(api, call, version)
        self._try_paths(api, call, version)
        if call.method == "GET":
            self._try_queries(api, call, version)

    def _try_bodies(self, api: Api, call: Call, version: str) -> None:
        given, url = self._filled(call.body), api.prefix + self._path(call) + self._filled(call.query)
        rich = () if call.version else RICH.get(f"{api.name} {call.route} {call.variant}".strip(), ())
        for what, raw in mutants.RAW.items() if call.method in WRITES else ():
            self._rehearse(api, call, version, "raw", what, url, raw)
        for number, body in enumerate([given, *self._filled(list(rich))]):
            if not isinstance(body, dict | list):
                continue
            answer = self._rehearse(api, call, version, "right", f"body {number}", url, body)
            if number and answer.status >= 300 and answer.status not in (NOT_BUILT, NOT_KNOWN):
                self.tried.note("rich", f"{api.name} {call.route} {number}: {answer.status} {answer.body[:300]!r}")
            for what, mutant in mutants.bodies(body):
                self._rehearse(api, call, version, "body", f"{number} {what}", url, mutant)

    def _try_paths(self, api: Api, call: Call, version: str) -> None:
        body, query = self._filled(call.body), self._filled(call.query)
        for name in re.findall(r"\{(\w+)\}", call.path):
            for odd in mutants.IDS[self.turn % self.every :: self.every]:
                # what is known by the name must not be filled in for it
                path = self._path(call, {**call.at, name: "\0"}).replace("\0", odd)
                self._rehearse(api, call, version, "path", f"{name}={odd}", f"{api.prefix}{path}{query}", body)

    def _try_headers(self, api: Api, call: Call, version: str) -> None:
        """One odd value of each header; the next call meets others."""
        body, url = self._filled(call.body), api.prefix + self._path(call) + self._filled(call.query)
        for name, values in mutants.HEADERS.items():
            odd = values[self.turn % len(values)]
            self._rehearse(api, call, version, "header", f"{name}: {odd}", url, body, {name: odd})

    def _try_queries(self, api: Api, call: Call, version: str) -> None:
        """Of those that answer with a list."""
        url = api.prefix + self._path(call)
        listed = _listed(self._rehearse(api, call, version, "right", "list", url + self._filled(call.query), None))
        queries = () if listed is None else mutants.queries(listed, self.turn)
        for query in islice(queries, self.turn % self.every, None, self.every):
            self._rehearse(api, call, version, "query", query, f"{url}?{query}", None)

    def _rehearse(
        self,
        api: Api,
        call: Call,
        version: str,
        kind: str,
        what: str,
        url: str,
        body: Any,
        more: dict[str, str] | None = None,
    ) -> Answer:
        token = self.cloud.tokens[call.who] if call.who else None
        with self.database.rehearse() as rehearsal:
            headers = self._headers(api, call, version) | (more or {})
            answer = self.cloud(call.method, url, token, body, headers)
            if kind == "body" and rehearsal.kept and answer.status < 300:
                shown = self.cloud("GET", url, token, None, headers)
                if _has_failed(shown):
                    self.tried.note("shown", f"{api.name} {call.route} {what} -> {shown.status} {shown.body[:300]!r}")
        self.tried.count[kind] += 1
        told = f"{api.name} {call.route} {version} [{kind} {what[:80]}] -> {answer.status} {answer.body[:300]!r}"
        is_refused = answer.status >= 400
        if _has_failed(answer):
            self.tried.note("failed", told)
        if rehearsal.kept and (is_refused or call.method not in WRITES) and call.variant != SPENT:
            self.tried.note("kept", f"{told}: {rehearsal.kept} rows")
        if is_refused and call.method != "HEAD" and not _is_formed(api, call.path, answer):
            self.tried.note("form", told)
        if is_refused and TRACE.search(answer.body):
            self.tried.note("insides", told)
        return answer


def _has_failed(answer: Answer) -> bool:
    return answer.status >= 500 and answer.status != NOT_BUILT


def _listed(answer: Answer) -> set[str] | None:
    """The keys of the things of a list; None for what is no list."""
    if answer.status != 200 or not answer.body.startswith(b"{"):
        return None
    lists = [value for value in json.loads(answer.body).values() if isinstance(value, list)]
    return (
        {key for things in lists for thing in things[:1] if isinstance(thing, dict) for key in thing} if lists else None
    )


def _is_formed(api: Api, path: str, answer: Answer) -> bool:
    """In its own form; in that of the API-SIG where it is about versions, of RFC 6749 where it is about OAuth 2."""
    with suppress(ValueError, KeyError, TypeError):
        if answer.status == 406 or path.endswith(OAUTH2):
            return bool(answer.json["error" if path.endswith(OAUTH2) else "errors"])
        return FORMS[api.name](answer)
    return False


@contextmanager
def _walked(url: str | None = None, every: int = 1) -> Iterator[MutantWalker]:
    """`url`: of an empty database; None for the SQLite file of the cloud."""
    databases: list[RehearsedDatabase] = []

    def rehearsed(own: str) -> RehearsedDatabase:
        databases.append(RehearsedDatabase(url or own))
        return databases[0]

    cloud = Cloud(database=rehearsed)
    walker = MutantWalker(cloud, databases[0], every)
    try:
        for walk in walks.ALL:
            walker.walk(walk)
        yield walker
    finally:
        cloud.close()


@pytest.fixture(scope="module")
def walker() -> Iterator[MutantWalker]:
    with _walked() as walker:
        yield walker


def test_what_is_rehearsed_is_undone(walker: MutantWalker):
    """Else the walk itself would find its names taken."""
    done = walker.record.done
    assert not [asked.told for call, asked in done if asked.answer.status != (call.status or asked.route.status)]


def test_there_are_mutants_of_all_kinds(walker: MutantWalker):
    least = {"body": 25_000, "raw": 2_000, "header": 2_500, "path": 5_000, "query": 25_000}
    assert {kind: walker.tried.count[kind] for kind in least if walker.tried.count[kind] < least[kind]} == {}


def test_the_fullest_bodies_are_right(walker: MutantWalker):
    _none_broke("rich", walker)


def test_no_mutant_makes_the_cloud_fail(walker: MutantWalker):
    _none_broke("failed", walker)


def test_what_is_refused_and_what_is_read_changes_nothing(walker: MutantWalker):
    _none_broke("kept", walker)


def test_what_is_accepted_can_be_shown(walker: MutantWalker):
    """By a GET of the same path."""
    _none_broke("shown", walker)


def test_each_refusal_has_the_services_own_form(walker: MutantWalker):
    _none_broke("form", walker)


def test_no_refusal_shows_our_insides(walker: MutantWalker):
    _none_broke("insides", walker)


@pytest.mark.needs("postgresql")
def test_no_mutant_of_a_reading_fails_on_postgresql(postgres_server: FreshDatabases):
    """It minds the types that SQLite compares anyhow."""
    with _walked(postgres_server.server.create_database(), every=5) as walker:
        assert walker.tried.count["query"] > 5_000
        _none_broke("failed", walker)


def _none_broke(rule: str, walker: MutantWalker) -> None:
    wrong = walker.tried.wrong.get(rule, [])
    assert not wrong, f"{len(wrong)} of {walker.tried.count.total()} requests:\n" + "\n".join(wrong[:40])
