import pytest

from skyloom.web.bodies import DEEPEST, BodyInvalid, parsed


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def test_a_body_may_be_deep_but_not_too_deep() -> None:
    parsed(nested(DEEPEST), list)
    for levels in (DEEPEST + 1, 900, 50_000):
        with pytest.raises(BodyInvalid, match="lie in more than"):
            parsed(nested(levels), list)


def test_only_brackets_that_nest_count() -> None:
    broad = b"[" + b",".join([b"[{}]"] * 1000) + b"]"
    assert len(parsed(broad, list)) == 1000
    text = rb'"\"[[[' + b"{" * 1000 + rb'\\"'
    assert parsed(b"[" + text + b"]", list[str])[0].count("{") == 1000


@pytest.mark.parametrize("rest", [rb"\[" * 500_000, rb"\"" * 500_000, b'["' * 250_001, b"\\"])
def test_half_a_text_is_read_once(rest: bytes) -> None:
    """Read anew from each quotation mark in it, this would take minutes."""
    with pytest.raises(BodyInvalid):
        parsed(b"[" * DEEPEST + b'"' + rest, list)


def test_a_nul_is_told_wherever_it_stands() -> None:
    for raw in (rb'["\u0000"]', rb'{"a\\\u0000": 1}'):
        with pytest.raises(BodyInvalid, match="NUL"):
            parsed(raw, list)
    assert parsed(rb'["\\u0000"]', list) == [r"\u0000"]
