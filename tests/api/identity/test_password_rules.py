"""Keystone's [security_compliance]: what a new password must fulfil, when it ends, who counts as away."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from skyloom.clock import VirtualClock
from skyloom.identity import IdentitySettings
from skyloom.identity.tables import password_history
from skyloom.identity.tables import user as user_table
from tests.api.identity.conftest import Cloud

DAY_S = 86_400
BCRYPT = "$2b$04$Ua6Gvh7vTebZkqBpegCl3eiFjEqfpzie1WFIg3DkZPn7JHUyglUsq"
"""Of "correct horse ☃", as Keystone's library wrote it."""


def change(cloud: Cloud, user: dict[str, Any], original: str, password: str) -> tuple[int, str]:
    body = {"user": {"original_password": original, "password": password}}
    answer = cloud.v3("POST", f"/users/{user['id']}/password", body=body)
    return answer.status, answer.json["error"]["message"] if answer.body else ""


class TestForm:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(
            password_cost=4,
            password_regex=r"^(?=.*\d)(?=.*[a-zA-Z]).{7,}$",
            password_regex_description="7, and a digit",
        )

    def test_a_password_of_the_wrong_form_is_refused_wherever_it_comes(self, cloud: Cloud) -> None:
        sentence = "The password does not match the requirements: 7, and a digit."
        new = {"user": {"name": "new", "password": "short1"}}
        answer = cloud.v3("POST", "/users", cloud.root, new)
        assert (answer.status, answer.json["error"]["message"]) == (400, sentence)
        user = cloud.user("new", password="good enough 1")
        answer = cloud.v3("PATCH", f"/users/{user['id']}", cloud.root, {"user": {"password": "no digit"}})
        assert (answer.status, answer.json["error"]["message"]) == (400, sentence)
        assert change(cloud, user, "good enough 1", "no digit") == (400, sentence)
        assert cloud.sign_in("new", "good enough 1").status == 201, "nothing was changed"
        assert change(cloud, user, "good enough 1", "good enough 2") == (204, "")

    def test_users_without_a_password_need_no_form(self, cloud: Cloud) -> None:
        assert cloud.v3("POST", "/users", cloud.root, {"user": {"name": "new"}}).status == 201

    def test_the_form_is_shown_to_those_who_ask(self, cloud: Cloud) -> None:
        shown = cloud.ok("GET", "/domains/default/config/security_compliance", cloud.token("demo"))
        assert shown["config"]["security_compliance"]["password_regex_description"] == "7, and a digit"


class TestHistory:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, unique_last_password_count=3)

    def test_the_last_passwords_are_not_taken_again(self, cloud: Cloud) -> None:
        user = cloud.user("new", password="a")
        assert change(cloud, user, "a", "b") == (204, "")
        assert change(cloud, user, "b", "c") == (204, "")
        for past in ("a", "b", "c"):
            assert change(cloud, user, "c", past)[0] == 400, past
        assert change(cloud, user, "c", "b")[1].startswith("The new password cannot be identical to a previous")
        assert change(cloud, user, "c", "d") == (204, "")
        assert change(cloud, user, "d", "a") == (204, ""), "the fourth last"

    def test_only_hashes_are_kept_and_no_more_than_are_needed(self, cloud: Cloud) -> None:
        user, password = cloud.user("new", password="0"), "0"
        for number in range(1, 8):
            assert change(cloud, user, password, str(number)) == (204, "")
            password = str(number)
        kept = cloud.database.read().execute(select(password_history.c.password_hash)).scalars().all()
        assert len(kept) == 2 and all(text.startswith("$scrypt$") for text in kept)
        cloud.ok("DELETE", f"/users/{user['id']}", cloud.root)
        assert cloud.database.read().execute(select(func.count()).select_from(password_history)).scalar_one() == 0

    def test_an_administrator_may_give_any_and_it_counts_as_used(self, cloud: Cloud) -> None:
        user = cloud.user("new", password="a")
        cloud.ok("PATCH", f"/users/{user['id']}", cloud.root, {"user": {"password": "b"}})
        cloud.ok("PATCH", f"/users/{user['id']}", cloud.root, {"user": {"password": "b"}})
        assert change(cloud, user, "b", "a")[0] == 400


class TestAge:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, minimum_password_age=2)

    def test_a_chosen_password_is_kept_for_a_while(self, cloud: Cloud, clock: VirtualClock) -> None:
        user = cloud.user("new", password="a")
        assert change(cloud, user, "a", "b") == (204, ""), "it was given, not chosen"
        clock.advance(DAY_S)
        status, sentence = change(cloud, user, "b", "c")
        assert status == 400 and "used for 2 day(s)" in sentence and "again in 1 day(s)" in sentence
        clock.advance(DAY_S)
        assert change(cloud, user, "b", "c") == (204, "")
        root = cloud.token("root")
        cloud.ok("PATCH", f"/users/{user['id']}", root, {"user": {"password": "d"}})
        assert change(cloud, user, "d", "e") == (204, "")


class TestEnd:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, password_expires_days=10, change_password_upon_first_use=True)

    def test_a_given_password_can_only_be_changed(self, cloud: Cloud, clock: VirtualClock) -> None:
        user = cloud.user("new", password="a")
        assert user["password_expires_at"] == "2026-01-01T00:00:00.000000Z"
        answer = cloud.sign_in("new", "a")
        assert answer.status == 401
        ended = f"The password is expired and needs to be changed for user: {user['id']}."
        assert answer.json["error"]["message"] == ended
        wrong, nobody = cloud.sign_in("new", "b"), cloud.sign_in("nobody", "a")
        assert wrong.status == 401 and wrong.json["error"]["message"] == nobody.json["error"]["message"] != ended
        assert change(cloud, user, "a", "b") == (204, "")
        token = cloud.sign_in("new", "b").json["token"]
        assert token["user"]["password_expires_at"] == "2026-01-11T00:00:00.000000Z"
        cloud.ok("PATCH", f"/users/{user['id']}", cloud.root, {"user": {"password": "c"}})
        assert cloud.sign_in("new", "c").status == 401, "an administrator gave it"

    def test_options_free_users(self, cloud: Cloud, clock: VirtualClock) -> None:
        first = cloud.user("first", options={"ignore_change_password_upon_first_use": True})
        assert first["password_expires_at"] == "2026-01-11T00:00:00.000000Z"
        assert cloud.sign_in("first").status == 201
        clock.advance(11 * DAY_S)
        assert cloud.sign_in("first").status == 401
        root = cloud.token("root")
        cloud.ok("PATCH", f"/users/{first['id']}", root, {"user": {"options": {"ignore_password_expiry": True}}})
        assert cloud.sign_in("first").status == 201

    def test_users_are_listed_by_the_end_of_their_password(self, cloud: Cloud) -> None:
        cloud.user("new")
        cloud.user("kept", options={"ignore_change_password_upon_first_use": True})
        for query, names in (
            ("lt:2026-01-02T00:00:00Z", ["new"]),
            ("gte:2026-01-11T00:00:00Z", ["kept"]),
            ("2026-01-11T00:00:00Z", ["kept"]),
            ("neq:2026-01-11T00:00:00Z", ["new"]),
        ):
            found = cloud.ok("GET", f"/users?password_expires_at={query}", cloud.root)["users"]
            assert [user["name"] for user in found] == names, query
        assert cloud.v3("GET", "/users?password_expires_at=lt:soon", cloud.root).status == 400


class TestAway:
    @pytest.fixture
    def settings(self) -> IdentitySettings:
        return IdentitySettings(password_cost=4, disable_user_account_days_inactive=5)

    def test_who_did_not_log_in_for_long_is_disabled_until_enabled(self, cloud: Cloud, clock: VirtualClock) -> None:
        user = cloud.user("new")
        root = cloud.user("never away", options={"ignore_user_inactivity": True})
        path = f"/domains/default/users/{root['id']}/roles/{cloud.ids['admin']}"
        cloud.ok("PUT", path, cloud.root)
        for _ in range(3):
            clock.advance(4 * DAY_S)
            assert cloud.sign_in("new").status == 201
        clock.advance(5 * DAY_S)
        assert cloud.sign_in("new").status == 401
        admin = cloud.token("never away", scope={"domain": {"id": "default"}})
        assert cloud.ok("GET", f"/users/{user['id']}", admin)["user"]["enabled"] is False
        enabled = cloud.ok("PATCH", f"/users/{user['id']}", admin, {"user": {"enabled": True}})["user"]
        assert enabled["enabled"] is True and "last_active_at" not in enabled
        assert cloud.sign_in("new").status == 201
        assert cloud.sign_in("demo").status == 401, "never seen since it was made"


class TestTakenOverUsers:
    def test_a_foreign_hash_opens_and_is_replaced_by_one_of_ours(self, cloud: Cloud) -> None:
        user = cloud.user("old")
        with cloud.database.engine.begin() as connection:
            connection.execute(update(user_table).where(user_table.c.id == user["id"]).values(password_hash=BCRYPT))

        def stored() -> str:
            rows = cloud.database.read().execute(select(user_table.c.password_hash).filter_by(id=user["id"]))
            return str(rows.scalar_one())

        assert cloud.sign_in("old", "wrong").status == 401 and stored() == BCRYPT
        token = cloud.token("old", "correct horse ☃")
        assert stored().startswith("$scrypt$ln=4,")
        assert cloud.v3("GET", "/auth/projects", token).status == 200
        assert cloud.sign_in("old", "correct horse ☃").status == 201
        assert cloud.sign_in("old", "wrong").status == 401


@pytest.mark.parametrize(
    "values",
    [
        {"password_regex": "("},
        {"minimum_password_age": 10, "password_expires_days": 10},
    ],
)
def test_settings_that_contradict_each_other_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="password_"):
        IdentitySettings(**values)
