"""What every directory of users does alike."""

import pytest

from skyloom.identity.drivers.contract import Directory, DirectoryGroup, DirectoryUser, Wanted
from skyloom.identity.model import Match
from tests.parts.directories import GROUPS, PASSWORDS

INJECTIONS = ["*", "a*", "anna)(uid=*", "*)(objectClass=*", "anna\\", "anna\0", "(anna)", "anna,ou=people", ""]


def user(directory: Directory, name: str) -> DirectoryUser:
    found = directory.user_named(name)
    assert found is not None
    return found


def group(directory: Directory, name: str) -> DirectoryGroup:
    found = directory.group_named(name)
    assert found is not None
    return found


def names(found: list[DirectoryUser] | list[DirectoryGroup]) -> list[str]:
    """Those of the test: a real directory brings some of its own."""
    return [entry.name for entry in found if entry.name in {*PASSWORDS, *GROUPS}]


def test_a_user_is_found_by_name_and_by_id(directory: Directory) -> None:
    anna = user(directory, "anna")
    assert directory.get_user(anna.id) == anna
    assert (anna.email, anna.description) == ("anna@example.test", "anna of the test")


def test_a_group_is_found_by_name_and_by_id(directory: Directory) -> None:
    staff = group(directory, "staff")
    assert directory.get_group(staff.id) == staff
    assert staff.description == "a group"


def test_who_is_not_there_is_nobody(directory: Directory) -> None:
    assert directory.get_user("nobody") is None and directory.user_named("nobody") is None
    assert directory.get_group("nobody") is None and directory.group_named("nobody") is None
    assert directory.groups_of("nobody") == [] and directory.members_of("nobody") == []
    assert not directory.is_member("nobody", group(directory, "staff").id)
    assert not directory.verify_password("nobody", PASSWORDS["anna"])


def test_a_user_is_no_group_and_a_group_no_user(directory: Directory) -> None:
    assert directory.get_group(user(directory, "anna").id) is None
    assert directory.get_user(group(directory, "staff").id) is None


def test_the_password_is_right_or_not(directory: Directory) -> None:
    anna = user(directory, "anna")
    assert directory.verify_password(anna.id, PASSWORDS["anna"])
    assert not directory.verify_password(anna.id, PASSWORDS["bert"])
    assert not directory.verify_password(anna.id, PASSWORDS["anna"] + " ")


@pytest.mark.parametrize("password", ["", "\0", "\0" + PASSWORDS["anna"], PASSWORDS["anna"] + "\0"])
def test_an_empty_password_is_nobodys(directory: Directory, password: str) -> None:
    assert not directory.verify_password(user(directory, "anna").id, password)


def test_who_is_disabled_is_shown_so(directory: Directory) -> None:
    assert user(directory, "anna").enabled and not user(directory, "carl").enabled


def test_users_are_listed_by_name(directory: Directory) -> None:
    found = directory.list_users(Wanted())
    assert names(found) == ["anna", "bert", "carl"]
    assert [each.name for each in found] == sorted(each.name for each in found)


def test_a_list_is_narrowed_by_name_and_by_being_enabled(directory: Directory) -> None:
    assert names(directory.list_users(Wanted(name="bert"))) == ["bert"]
    assert names(directory.list_users(Wanted(enabled=False))) == ["carl"]
    assert names(directory.list_users(Wanted(enabled=True))) == ["anna", "bert"]
    assert names(directory.list_groups(Wanted(name="staff"))) == ["staff"]


@pytest.mark.parametrize(
    ("comparison", "value", "expected"),
    [("contains", "nn", ["anna"]), ("startswith", "b", ["bert"]), ("endswith", "l", ["carl"]), ("contains", "*", [])],
)
def test_a_list_is_narrowed_by_a_part_of_the_name(
    directory: Directory, comparison: str, value: str, expected: list[str]
) -> None:
    wanted = Wanted(matches=[Match("name", comparison, value)])
    assert names(directory.list_users(wanted)) == expected


def test_pages_follow_each_other_without_gap_or_repeat(directory: Directory) -> None:
    everybody = directory.list_users(Wanted())
    found: list[DirectoryUser] = []
    while page := directory.list_users(Wanted(limit=2, after=found[-1].id if found else None)):
        assert len(page) <= 2
        found += page
    assert found == everybody


def test_groups_are_paged_as_well(directory: Directory) -> None:
    first = directory.list_groups(Wanted(limit=1))
    assert directory.list_groups(Wanted(after=first[0].id)) == directory.list_groups(Wanted())[1:]


def test_membership_is_the_same_from_both_sides(directory: Directory) -> None:
    anna, carl = user(directory, "anna"), user(directory, "carl")
    staff = group(directory, "staff")
    assert names(directory.groups_of(anna.id)) == ["admins", "staff"]
    assert names(directory.groups_of(carl.id)) == []
    assert names(directory.members_of(staff.id)) == ["anna", "bert"]
    assert directory.is_member(anna.id, staff.id) and not directory.is_member(carl.id, staff.id)


@pytest.mark.parametrize("text", INJECTIONS)
def test_what_is_asked_for_is_never_read_as_a_filter(directory: Directory, text: str) -> None:
    assert directory.user_named(text) is None and directory.get_user(text) is None
    assert directory.group_named(text) is None and directory.get_group(text) is None
    assert directory.list_users(Wanted(name=text)) == [] and directory.groups_of(text) == []
    staff = group(directory, "staff")
    assert not directory.is_member(text, staff.id)
    assert not directory.is_member(user(directory, "carl").id, text)
    assert not directory.verify_password(text, PASSWORDS["anna"])


def test_a_foreign_directory_is_only_read(directory: Directory) -> None:
    assert directory.is_read_only == (type(directory).__name__ != "SqlDirectory")
