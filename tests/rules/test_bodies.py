"""A broken body is refused in the service's own form, and nothing comes of it.

That nothing was written is seen by the audit: a write of a user without an entry is refused by the database room.
"""

import json
import re
from collections.abc import Callable

from tests.api.client import Answer
from tests.rules import exceptions
from tests.rules.walk import Asked, Record


def _of_compute(answer: Answer) -> bool:
    ((fault, told),) = json.loads(answer.body).items()
    return fault.isalpha() and told["code"] == answer.status and bool(told["message"])


def _of_identity(answer: Answer) -> bool:
    told = json.loads(answer.body)["error"]
    return bool(told["code"] == answer.status and told["message"] and told["title"])


def _of_image(answer: Answer) -> bool:
    return f"<title>{answer.status} " in answer.body.decode()


def _of_network(answer: Answer) -> bool:
    told = json.loads(answer.body)["NeutronError"]
    return bool(told["type"].isidentifier() and told["message"])


FORMS: dict[str, Callable[[Answer], bool]] = {
    "compute": _of_compute,
    "identity": _of_identity,
    "image": _of_image,
    "network": _of_network,
}
TRACE = re.compile(rb'Traceback|File ".*", line|skyloom\.\w+\.|sqlite3?\.|psycopg|msgspec')


def test_a_broken_body_is_the_clients_mistake(walked: Record):
    assert walked.broken
    exceptions.check("broken", {_named(asked) for asked in walked.broken if not 400 <= asked.answer.status < 500})


def test_nothing_is_written_for_a_broken_body(walked: Record):
    assert not [asked.told for asked in walked.broken if asked.entries]


def test_the_refusal_has_the_services_own_form(walked: Record):
    assert not [asked.told for asked in walked.broken if asked.answer.status >= 400 and not _is_formed(asked)]


def test_no_answer_shows_our_insides(walked: Record):
    answers = [*walked.broken, *walked.strangers, *(asked for _, asked in walked.done)]
    assert not [asked.told for asked in answers if asked.answer.status >= 400 and TRACE.search(asked.answer.body)]


def test_too_large_a_body_is_told_so(walked: Record):
    exceptions.check(
        "too-large",
        {_named(asked) for asked in walked.broken if asked.what == "too large" and asked.answer.status != 413},
    )


def _is_formed(asked: Asked) -> bool:
    return FORMS[asked.api](asked.answer)


def _named(asked: Asked) -> str:
    return f"{asked.key} [{asked.what}] {asked.answer.status}"
