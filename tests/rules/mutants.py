"""What can be wrong with a right request: derived from its body, its query, its headers and the ids in its path.

Pure, and the same in every run.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

Steps = tuple[str | int, ...]
"""Where in a body something stands: keys of objects and places in lists."""
DIGITS = "1" * 5000
"""More than Python's int() reads, and more than any database keeps."""


def _deep(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


ODD: Mapping[str, Any] = {
    "null": None,
    "true": True,
    "0": 0,
    "-1": -1,
    "2**63": 2**63,
    "2**200": 2**200,
    "1.5": 1.5,
    "1e300": 1e300,
    "empty text": "",
    "a blank": " ",
    "300 letters": "x" * 300,
    "70000 letters": "x" * 70000,
    "5000 digits": DIGITS,
    "a digit of no number": "²",
    "NUL": "\0",
    "emoji": "\U0001f600",
    "half of a surrogate pair": "\ud83d",
    "an odd word": "a/../{}%s'\"\n",
    "[]": [],
    "[null]": [None],
    "[[]]": [[]],
    "[{}]": [{}],
    "{}": {},
    '{"x": 1}': {"x": 1},
    "90 lists in each other": _deep(90),
    "400 lists in each other": _deep(400),
}
RAW: Mapping[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "half an object": b'{"a": ',
    "a key twice": b'{"a": 1, "a": 2}',
    "more than a double": b'{"a": 1e999}',
    "no number": b'{"a": NaN}',
    "half of a surrogate pair as a key": b'{"\\ud83d": 1}',
    "5000 lists in each other": b"[" * 5000,
    "5000 objects in each other": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "no UTF-8": b'{"\xff": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a mark of byte order": b'\xef\xbb\xbf{"a": 1}',
    "a form": b"a=b&a=%FF&=&grant_type",
    "a form of 200 fields": b"&".join(b"a=b" for _ in range(200)),
    "a form beyond ASCII": b"grant_type=\xff&\xc3\xa9=1",
}
"""Whole bodies, whatever the call takes."""
LONG = "x" * 5000
VALUES = (
    *("", "0", "-1", "1.5", "2147483648", "9223372036854775808", DIGITS, "%C2%B2", "%00", "%FF%FE", "%ED%A0%BD"),
    *("x" * 300, LONG, "%F0%9F%98%80", "true", "null", "%5B%5D", "%7B%7D", "%27", "%25", "_", "in:a,b", "in:", "neq:"),
    *("gt:5", "lt:x", "bogus:1", ",", ":", "name:asc", "name:x,", "2026-01-01T00:00:00Z", "10.0.0.0/33", "(((", "%5B"),
    *("0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59", "*", "+"),
)
"""Of a query's parameters, as they stand in the URL."""
PARAMETERS = """limit marker sort_key sort_dir sort page_reverse fields all_tenants all_projects changes-since
    changes-before deleted status name name__contains id project_id tenant_id user_id domain_id enabled tags tags-any
    not-tags not-tags-any visibility member_status size_min size_max created_at updated_at os_hidden protected owner
    min_disk min_ram reservation_id ip ip6 host image flavor minDisk minRam is_public locked tag availability_zone
    password_expires_at parent_id include_names effective scope.project.id scope.system user.id group.id role.id
    with_servers hypervisor_hostname_pattern binary fixed_ips device_id mac_address interface type region_id service_id
    x[y] user_ids trustor_user_id trustee_user_id""".split()  # noqa: SIM905
EVERY = 12
"""A parameter of a list meets every so many of the values; the next parameter, and the next list, meet others."""
IDS = (
    *("", "a/b", "/"),
    *(" ", "x" * 300, LONG, "é", "\U0001f600", "%", "..", ".", "'", "a b", "0", "-1", "9223372036854775808", DIGITS),
    *("\n", "²", "{}", "None", "a:b", "a,b", "[", "*"),
)
"""Of a path, where the percent signs are read already."""
HEADERS: Mapping[str, Sequence[str]] = {
    "openstack-api-version": ("compute", "compute 2", "compute 2.²", f"compute 2.{DIGITS}", f"compute {DIGITS}.1", ","),
    "x-openstack-nova-api-version": ("2", "2.", ".1", "-2.1", DIGITS, "2.01"),
    "range": ("bytes=", f"bytes=0-{DIGITS}", f"bytes={DIGITS}-", "bytes=-²", "bytes=5-1", "lines=0-1", "bytes=-0"),
    "content-type": ("", ";", "/", "application/json;charset=x", "text/x+json", "é", LONG),
    "accept": ("", ";", "application/json;q=x", "é"),
    "authorization": ("Bearer", "Bearer é", "Basic", "Basic é", "Basic /w==", "OAuth", "OAuth é"),
    "x-auth-token": ("é", "gAAAAA", LONG, "a.b.c", " ", "%00"),
    "x-subject-token": ("é", "gAAAAA", LONG, "a.b.c", " ", "%00"),
    "x-openstack-request-id": ("é", LONG, "req-"),
    "openstack-auth-receipt": ("é", "gAAAAA", LONG),
    "requested-project-id": ("é", LONG),
    "cookie": ("é", ";", "skyloom-federation=é", "skyloom-federation=gAAAAA"),
    "host": ("", "é", "a b", "]:1"),
}


def bodies(body: Any) -> Iterator[tuple[str, Any]]:
    """(what is wrong, the body with it), for each place in the body and each kind of wrong."""
    for steps, value in _places(body):
        where = ".".join(str(step) for step in steps) or "the body"
        for what, odd in (*ODD.items(), *_of_its_kind(value)):
            yield f"{where}: {what}", _put(body, steps, odd)


def queries(listed: Iterable[str], first: int) -> Iterator[str]:
    """Of a list that shows things with the keys `listed`; `first` says at which of the values to begin."""
    turns = count(first)
    for name in dict.fromkeys((*PARAMETERS, *sorted(listed))):
        yield from (f"{name}={value}" for value in VALUES[next(turns) % EVERY :: EVERY])
        yield f"{name}={VALUES[0]}&{name}=b&sort_key={name}&limit=1"
        yield name


def _places(body: Any, steps: Steps = ()) -> Iterator[tuple[Steps, Any]]:
    yield steps, body
    inner = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for step, value in inner:
        yield from _places(value, (*steps, step))


def _of_its_kind(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key in value:
            yield f"without {key}", {name: kept for name, kept in value.items() if name != key}
            yield f"{key} in capitals", {(name.upper() if name == key else name): kept for name, kept in value.items()}
        yield "an unknown key", {**value, "nonsense": "nonsense"}
        yield "an empty key", {**value, "": ""}
    elif isinstance(value, list):
        yield "each twice", [*value, *value]
        yield "and null", [*value, None]
        yield "its first alone", value[0] if value else "x"
    else:
        yield "in a list", [value]
        yield "as text", str(value)
        yield "twice as long", f"{value}{value}"
        yield "a line break behind it", f"{value}\n"
        yield "a letter that none can print in it", f"{value}\x01{value}"


def _put(body: Any, steps: Steps, value: Any) -> Any:
    if not steps:
        return value
    changed = copy.copy(body)
    changed[steps[0]] = _put(changed[steps[0]], steps[1:], value)
    return changed
