"""What only Active Directory has: groups in groups, ids that outlive names, no password over an open line."""

import pytest

from skyloom.identity.drivers.contract import ACTIVE_DIRECTORY, Directory, DirectoryRefused
from tests.drivers.identity.conftest import Open
from tests.parts.directories import PASSWORDS, Samba, samba_dn

pytestmark = pytest.mark.needs("samba")


def _id(directory: Directory, name: str) -> str:
    found = directory.user_named(name) or directory.group_named(name)
    assert found is not None
    return found.id


def test_a_member_of_a_member_counts(in_samba: Directory) -> None:
    anna, everybody = _id(in_samba, "anna"), _id(in_samba, "everybody")
    assert "everybody" in [group.name for group in in_samba.groups_of(anna)]
    assert [user.name for user in in_samba.members_of(everybody)] == ["anna", "bert"]
    assert in_samba.is_member(anna, everybody) and not in_samba.is_member(_id(in_samba, "carl"), everybody)


def test_without_nesting_only_members_count(samba: Samba, open_directory: Open) -> None:
    directory = open_directory({**ACTIVE_DIRECTORY, **samba.options()}, group_ad_nesting=False)
    anna, everybody = _id(directory, "anna"), _id(directory, "everybody")
    assert "everybody" not in [group.name for group in directory.groups_of(anna)]
    assert directory.members_of(everybody) == [] and not directory.is_member(anna, everybody)
    assert [user.name for user in directory.members_of(_id(directory, "staff"))] == ["anna", "bert"]


def test_the_id_outlives_a_change_of_name(samba: Samba, in_samba: Directory) -> None:
    admin = samba.admin()
    bert = _id(in_samba, "bert")
    admin.rename_s(samba_dn("bert"), "cn=albert")
    try:
        found = in_samba.get_user(bert)
        assert found is not None and in_samba.verify_password(bert, PASSWORDS["bert"])
    finally:
        admin.rename_s(samba_dn("albert"), "cn=bert")
        admin.unbind_s()


def test_computers_are_no_users(in_samba: Directory) -> None:
    assert in_samba.user_named("DC1$") is None


def test_an_open_line_is_refused(samba: Samba, open_directory: Open) -> None:
    directory = open_directory({**ACTIVE_DIRECTORY, **samba.options()}, url=f"ldap://{samba.address}")
    with pytest.raises(DirectoryRefused, match="authentication required"):
        directory.user_named("anna")


def test_start_tls_makes_it_safe(samba: Samba, open_directory: Open) -> None:
    directory = open_directory({**ACTIVE_DIRECTORY, **samba.options()}, url=f"ldap://{samba.address}", use_tls=True)
    assert directory.verify_password(_id(directory, "anna"), PASSWORDS["anna"])
