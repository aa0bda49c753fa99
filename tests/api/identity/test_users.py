import pytest

from skyloom.clock import VirtualClock
from skyloom.identity import IdentitySettings
from tests.api.identity.conftest import Cloud


def test_a_user_is_made_shown_changed_and_deleted(cloud: Cloud) -> None:
    made = cloud.user("new", email="new@example.org", description="d")
    shown = cloud.ok("GET", f"/users/{made['id']}", cloud.root)["user"]
    assert shown == made
    assert {"id", "name", "domain_id", "enabled", "options", "password_expires_at", "email", "links"} <= set(shown)
    assert shown["links"]["self"] == f"https://cloud.test/identity/v3/users/{made['id']}"
    changed = cloud.ok("PATCH", f"/users/{made['id']}", cloud.root, {"user": {"name": "newer"}})["user"]
    assert (changed["name"], changed["email"]) == ("newer", "new@example.org")
    cloud.ok("DELETE", f"/users/{made['id']}", cloud.root)
    answer = cloud.v3("GET", f"/users/{made['id']}", cloud.root)
    assert answer.status == 404 and answer.json["error"]["message"] == f"Could not find user: {made['id']}."


def test_two_users_of_one_name_in_a_domain_conflict(cloud: Cloud) -> None:
    answer = cloud.v3("POST", "/users", cloud.root, {"user": {"name": "demo", "domain_id": "default"}})
    assert answer.status == 409 and answer.json["error"]["title"] == "Conflict"


def test_a_password_change_ends_tokens_and_needs_the_old_one(cloud: Cloud, clock: VirtualClock) -> None:
    text, path = cloud.token("demo"), f"/users/{cloud.ids['demo']}/password"
    wrong = {"user": {"original_password": "wrong", "password": "next"}}
    right = {"user": {"original_password": "demo's word", "password": "next"}}
    assert cloud.v3("POST", path, text, wrong).status == 401
    clock.advance(1)
    assert cloud.v3("POST", path, text, right).status == 204
    assert cloud.v3("GET", "/auth/projects", text).status == 401
    assert cloud.sign_in("demo").status == 401 and cloud.sign_in("demo", "next").status == 201


def test_where_no_history_is_kept_a_password_may_be_chosen_again(cloud: Cloud, clock: VirtualClock) -> None:
    text, path = cloud.token("demo"), f"/users/{cloud.ids['demo']}/password"
    clock.advance(1)
    same = {"user": {"original_password": "demo's word", "password": "demo's word"}}
    assert cloud.v3("POST", path, text, same).status == 204
    assert cloud.v3("GET", "/auth/projects", text).status == 401 and cloud.sign_in("demo").status == 201


def test_a_locked_password_is_not_changed_by_its_user(cloud: Cloud) -> None:
    path = f"/users/{cloud.ids['demo']}"
    cloud.ok("PATCH", path, cloud.root, {"user": {"options": {"lock_password": True}}})
    right = {"user": {"original_password": "demo's word", "password": "next"}}
    assert cloud.v3("POST", f"{path}/password", body=right).status == 400


class TestPasswordsThatEnd:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, password_expires_days=1)

    def test_a_password_that_ended_can_only_be_changed(self, cloud: Cloud, clock: VirtualClock) -> None:
        user = cloud.user("new")
        free = cloud.user("free", options={"ignore_password_expiry": True})
        assert user["password_expires_at"] == "2026-01-02T00:00:00.000000Z" and free["password_expires_at"] is None
        clock.advance(86_400)
        root = cloud.token("root")
        found = cloud.ok("GET", "/users?password_expires_at=lte:2026-01-02T00:00:00Z", root)["users"]
        assert [record["name"] for record in found] == ["new"]
        assert cloud.sign_in("new").status == 401 and cloud.sign_in("free").status == 201
        change = {"user": {"original_password": "new's word", "password": "next"}}
        assert cloud.v3("POST", f"/users/{user['id']}/password", body=change).status == 204
        assert cloud.sign_in("new", "next").status == 201


class TestLists:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, list_limit=3)

    def test_a_long_list_is_cut_and_says_so(self, cloud: Cloud) -> None:
        names: list[str] = []
        url = "/users"
        while url:
            page = cloud.ok("GET", url, cloud.root)
            names += [user["name"] for user in page["users"]]
            assert page.get("truncated", False) is (page["links"]["next"] is not None)
            url = (page["links"]["next"] or "").removeprefix("https://cloud.test/identity/v3")
        assert names == ["demo", "looker", "nova", "root", "stranger"]

    def test_filters_and_comparisons(self, cloud: Cloud) -> None:
        def names(query: str) -> list[str]:
            return [user["name"] for user in cloud.ok("GET", f"/users?{query}", cloud.root)["users"]]

        assert names("name=demo") == ["demo"]
        assert names("name__contains=o&limit=1") == ["demo"]
        assert names("name__istartswith=LOOK") == ["looker"]
        assert names("enabled=false") == []


def test_memberships_are_filtered(cloud: Cloud) -> None:
    group = cloud.ok("POST", "/groups", cloud.root, {"group": {"name": "g"}})["group"]
    for name in ("demo", "looker"):
        cloud.ok("PUT", f"/groups/{group['id']}/users/{cloud.ids[name]}", cloud.root)

    def found(path: str, plural: str) -> list[str]:
        return [record["name"] for record in cloud.ok("GET", path, cloud.root)[plural]]

    users, groups = f"/groups/{group['id']}/users", f"/users/{cloud.ids['demo']}/groups"
    assert found(users, "users") == ["demo", "looker"]
    assert found(f"{users}?name=demo", "users") == found(f"{users}?name__startswith=de", "users") == ["demo"]
    assert found(f"{users}?enabled=false", "users") == found(f"{users}?domain_id=other", "users") == []
    assert found(f"{users}?password_expires_at=lt:2030-01-01T00:00:00Z", "users") == []
    assert cloud.v3("GET", f"{users}?password_expires_at=soon", cloud.root).status == 400
    assert found(groups, "groups") == found(f"{groups}?name=g", "groups") == ["g"]
    assert found(f"{groups}?name=other", "groups") == []


def test_groups_hold_users(cloud: Cloud) -> None:
    group = cloud.ok("POST", "/groups", cloud.root, {"group": {"name": "g", "domain_id": "default"}})["group"]
    member = f"/groups/{group['id']}/users/{cloud.ids['demo']}"
    assert cloud.v3("GET", member, cloud.root).status == 404
    assert cloud.v3("PUT", member, cloud.root).status == 204
    assert cloud.v3("HEAD", member, cloud.root).status == 204
    assert [user["name"] for user in cloud.ok("GET", f"/groups/{group['id']}/users", cloud.root)["users"]] == ["demo"]
    own = cloud.ok("GET", f"/users/{cloud.ids['demo']}/groups", cloud.token("demo"))["groups"]
    assert [record["id"] for record in own] == [group["id"]]
    assert cloud.v3("DELETE", member, cloud.root).status == 204
