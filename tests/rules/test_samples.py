"""docs/samples shows what the API really answers."""

from tests.rules.samples import FOLDER, made
from tests.rules.walk import Record


def test_each_sample_is_what_the_api_answers(walked: Record):
    samples = made(walked)
    differing = [name for name, content in samples.items() if not _stands(name, content)]
    assert not differing, "out of date: make docs"


def test_no_sample_is_of_a_call_that_is_gone(walked: Record):
    samples = made(walked)
    assert {str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json")} == set(samples)


def _stands(name: str, content: str) -> bool:
    path = FOLDER / name
    return path.exists() and path.read_text() == content
