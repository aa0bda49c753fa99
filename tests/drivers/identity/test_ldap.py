"""What only LDAP has: secure connections, servers that go away, pages of the protocol, odd names, passwords of none."""

import threading
from collections.abc import Iterator
from pathlib import Path

import ldap
import pytest

from skyloom.clock import VirtualClock
from skyloom.identity.drivers.contract import Directory, DirectoryAway, DirectoryRefused, Wanted
from skyloom.identity.drivers.ldap.connections import PAUSE_S
from skyloom.identity.model import Match
from tests.drivers.identity.conftest import Open
from tests.parts.certificates import Authority
from tests.parts.directories import MANY, ODD_NAME, PASSWORDS, SLAPD_SUFFIX, Slapd

pytestmark = pytest.mark.needs("slapd")


@pytest.fixture
def crowd(slapd: Slapd, open_directory: Open) -> Directory:
    return open_directory(slapd.options(), user_tree_dn=f"ou=crowd,{SLAPD_SUFFIX}", page_size=100)


@pytest.fixture
def stranger(tmp_path: Path) -> str:
    """The file of a CA that signed nothing here."""
    return str(Authority(tmp_path / "other").file)


@pytest.fixture
def stopped(slapd: Slapd) -> Iterator[Slapd]:
    """It can be stopped; afterwards it runs again."""
    yield slapd
    slapd.stop()
    slapd.start()


# -- lists


def test_two_thousand_users_are_read_page_by_page(crowd: Directory) -> None:
    found = crowd.list_users(Wanted())
    assert [user.name for user in found] == [f"crowd-{number:04}" for number in range(MANY)]


def test_a_page_of_many_holds_what_was_asked_for(crowd: Directory) -> None:
    first = crowd.list_users(Wanted(limit=3, matches=[Match("name", "startswith", "crowd-1")]))
    assert [user.name for user in first] == ["crowd-1000", "crowd-1001", "crowd-1002"]
    more = crowd.list_users(Wanted(limit=1, after=first[-1].id))
    assert [user.name for user in more] == ["crowd-1003"]


def test_a_server_that_gives_no_more_at_once_wants_pages(slapd: Slapd, open_directory: Open) -> None:
    directory = open_directory(slapd.options(), user_tree_dn=f"ou=crowd,{SLAPD_SUFFIX}")
    with pytest.raises(DirectoryRefused, match="page_size"):
        directory.list_users(Wanted())


# -- names


def test_an_odd_name_is_found_and_its_password_and_groups_count(in_slapd: Directory) -> None:
    odd = in_slapd.user_named(ODD_NAME)
    assert odd is not None and odd.name == ODD_NAME
    assert in_slapd.get_user(ODD_NAME) == odd
    assert in_slapd.verify_password(odd.id, "odd-word")
    group = in_slapd.group_named("odd ones")
    assert group is not None and in_slapd.members_of(group.id) == [odd] and in_slapd.groups_of(odd.id) == [group]


def test_a_name_of_several_is_nobodys(slapd: Slapd, open_directory: Open) -> None:
    assert open_directory(slapd.options(), user_name_attribute="sn").user_named("x") is None


def test_members_may_be_ids(slapd: Slapd, open_directory: Open) -> None:
    group = f"cn=by id,ou=groups,{SLAPD_SUFFIX}"
    admin = slapd.admin()
    classes = [b"organizationalRole", b"extensibleObject"]
    admin.add_s(group, [("objectClass", classes), ("cn", b"by id"), ("seeAlso", b"uid=anna"), ("uid", [b"bert"])])
    try:
        options = {"group_objectclass": "organizationalRole", "group_members_are_ids": True}
        directory = open_directory(slapd.options(), group_member_attribute="uid", **options)
        assert [user.name for user in directory.members_of("by id")] == ["bert"]
        assert [found.name for found in directory.groups_of("bert")] == ["by id"]
    finally:
        admin.delete_s(group)
        admin.unbind_s()


def test_the_filters_of_the_options_count(slapd: Slapd, open_directory: Open) -> None:
    directory = open_directory(slapd.options(), user_filter="uid=anna", group_filter="(cn=staff)")
    assert [user.name for user in directory.list_users(Wanted())] == ["anna"]
    assert directory.user_named("bert") is None and not directory.verify_password("bert", PASSWORDS["bert"])
    assert [group.name for group in directory.groups_of("anna")] == ["staff"]


# -- who is enabled


def test_a_lock_is_the_opposite_of_being_enabled(slapd: Slapd, open_directory: Open) -> None:
    directory = open_directory(slapd.options(), user_enabled_invert=True)
    assert [user.enabled for user in directory.list_users(Wanted(name="carl"))] == [True]
    assert [user.enabled for user in directory.list_users(Wanted(name="anna"))] == [False]


@pytest.mark.parametrize(("default", "expected"), [("True", True), ("False", False)])
def test_without_the_attribute_the_default_counts(
    slapd: Slapd, open_directory: Open, default: str, expected: bool
) -> None:
    directory = open_directory(slapd.options(), user_enabled_attribute="street", user_enabled_default=default)
    anna = directory.get_user("anna")
    assert anna is not None and anna.enabled is expected


# -- safe connections


@pytest.mark.parametrize("how", ["ldaps", "start_tls"])
def test_a_connection_is_safe_by_the_own_ca(slapd: Slapd, open_directory: Open, how: str) -> None:
    directory = open_directory(getattr(slapd, how)())
    assert directory.user_named("anna") is not None
    assert directory.verify_password("anna", PASSWORDS["anna"]) and not directory.verify_password("anna", "wrong")


@pytest.mark.parametrize("how", ["ldaps", "start_tls"])
def test_another_ca_is_refused(slapd: Slapd, open_directory: Open, stranger: str, how: str) -> None:
    directory = open_directory(getattr(slapd, how)(), tls_cacertfile=stranger)
    with pytest.raises(DirectoryRefused, match="certificate"):
        directory.user_named("anna")
    with pytest.raises(DirectoryRefused, match="certificate"):
        directory.list_users(Wanted())


def test_each_connection_trusts_its_own_ca(slapd: Slapd, open_directory: Open, stranger: str) -> None:
    right, wrong = slapd.ldaps(), {**slapd.ldaps(), "tls_cacertfile": stranger}
    for options in (right, wrong, right):
        directory = open_directory(options)
        if options is right:
            assert directory.user_named("anna") is not None
        else:
            with pytest.raises(DirectoryRefused):
                directory.user_named("anna")


def test_an_unknown_certificate_is_taken_where_the_options_say_so(
    slapd: Slapd, open_directory: Open, stranger: str
) -> None:
    directory = open_directory(slapd.ldaps(), tls_cacertfile=stranger, tls_req_cert="never")
    assert directory.user_named("anna") is not None


# -- refusals


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "wrong"},
        {"user_tree_dn": f"ou=nothing,{SLAPD_SUFFIX}"},
        {"user_filter": "(((uid=*"},
        {"url": "no url"},
        {"use_tls": True, "tls_cacertfile": "/no/such/file"},
    ],
)
def test_options_that_do_not_fit_are_refused_and_not_waited_for(
    slapd: Slapd, open_directory: Open, wrong: dict[str, object]
) -> None:
    with pytest.raises(DirectoryRefused):
        open_directory({**slapd.options(), **wrong}).user_named("anna")


# -- away and back


def test_a_server_that_was_restarted_is_found_again(stopped: Slapd, open_directory: Open) -> None:
    directory = open_directory(stopped.options())
    assert directory.user_named("anna") is not None and directory.verify_password("anna", PASSWORDS["anna"])
    stopped.stop()
    stopped.start()
    assert directory.user_named("anna") is not None and directory.verify_password("anna", PASSWORDS["anna"])


def test_a_server_that_is_away_is_not_asked_again_at_once(stopped: Slapd, open_directory: Open) -> None:
    clock = VirtualClock()
    directory = open_directory(stopped.options(), clock)
    stopped.stop()
    for ask in (lambda: directory.user_named("anna"), lambda: directory.verify_password("anna", PASSWORDS["anna"])):
        with pytest.raises(DirectoryAway) as raised:
            ask()
        assert raised.value.retry_after_s > 0
    stopped.start()
    with pytest.raises(DirectoryAway):
        directory.user_named("anna")
    clock.advance(PAUSE_S)
    assert directory.user_named("anna") is not None


def test_a_server_that_hangs_costs_its_time_limit_only(slapd: Slapd, open_directory: Open) -> None:
    directory = open_directory(slapd.options(), connection_timeout=1, pool_connection_timeout=1)
    assert directory.user_named("anna") is not None
    slapd.pause()
    try:
        with pytest.raises(DirectoryAway):
            directory.user_named("anna")
        with pytest.raises(DirectoryAway):
            directory.user_named("anna")
    finally:
        slapd.resume()


# -- the pool


def test_many_at_once_share_few_connections(slapd: Slapd, open_directory: Open) -> None:
    directory = open_directory(slapd.options(), pool_size=2, auth_pool_size=2)
    wrong: list[str] = []

    def ask() -> None:
        for name, password in PASSWORDS.items():
            user = directory.user_named(name)
            if user is None or not directory.verify_password(name, password) or directory.verify_password(name, "no"):
                wrong.append(name)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


def test_a_password_never_counts_for_the_next_one_on_the_same_connection(slapd: Slapd, open_directory: Open) -> None:
    directory = open_directory(slapd.options(), auth_pool_size=1)
    assert directory.verify_password("anna", PASSWORDS["anna"])
    assert not directory.verify_password("bert", "")
    assert not directory.verify_password("bert", PASSWORDS["anna"])
    assert directory.verify_password("bert", PASSWORDS["bert"])


def test_a_server_takes_an_empty_password_for_nobodys(slapd: Slapd) -> None:
    """The trap that the driver must keep out of: this bind succeeds."""
    connection = ldap.initialize(slapd.options()["url"])
    try:
        connection.simple_bind_s("", "")
    finally:
        connection.unbind_s()
