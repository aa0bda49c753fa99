import pytest


@pytest.fixture
def group(member):
    return member.make("/security-groups", name="web")


def rule(member, group, **values):
    body = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp", **values}
    return member("POST", "/security-group-rules", {"security_group_rule": body})


def test_every_project_has_a_default_group_of_four_rules(reader):
    groups = reader("GET", "/security-groups")["security_groups"]
    assert [group["name"] for group in groups] == ["default"]
    rules = groups[0]["security_group_rules"]
    assert sorted((r["direction"], r["ethertype"], bool(r["remote_group_id"])) for r in rules) == [
        ("egress", "IPv4", False),
        ("egress", "IPv6", False),
        ("ingress", "IPv4", True),
        ("ingress", "IPv6", True),
    ]
    assert reader("GET", "/security-groups")["security_groups"] == groups


def test_the_default_group_stays(member, admin):
    id = member("GET", "/security-groups")["security_groups"][0]["id"]
    assert member("DELETE", f"/security-groups/{id}").error == "SecurityGroupCannotRemoveDefault"
    renamed = member("PUT", f"/security-groups/{id}", {"security_group": {"name": "x"}})
    assert renamed.error == "SecurityGroupCannotUpdateDefault"
    second = member("POST", "/security-groups", {"security_group": {"name": "default"}})
    assert (second.status, second.error) == (409, "SecurityGroupDefaultAlreadyExists")


def test_a_new_group_lets_out_and_nothing_in(group, member):
    assert [r["direction"] for r in group["security_group_rules"]] == ["egress", "egress"]
    one = f"/security-groups/{group['id']}"
    after = member("PUT", one, {"security_group": {"name": "new", "description": "d"}})["security_group"]
    assert (after["name"], after["description"]) == ("new", "d")
    assert member("PUT", one, {"security_group": {"name": "default"}}).status == 409
    assert member("DELETE", one).status == 204
    assert member("GET", one).status == 404


@pytest.mark.parametrize(
    "values",
    [
        {"port_range_min": 77, "port_range_max": 77},
        {"protocol": "icmp", "port_range_min": 3, "port_range_max": 2},
        {"protocol": "icmp", "port_range_min": 11, "port_range_max": None},
        {"protocol": "ipv6-icmp", "ethertype": "IPv6", "port_range_min": 8, "port_range_max": 0},
        {"remote_ip_prefix": "10.0.0.0/8"},
        {"protocol": None},
        {"protocol": "17"},
    ],
)
def test_rules(member, group, values):
    made = rule(member, group, **values)["security_group_rule"]
    assert {name: made[name] for name in values} == values
    assert member("GET", f"/security-group-rules/{made['id']}")["security_group_rule"] == made
    whole = member("GET", f"/security-groups/{group['id']}")["security_group"]
    assert made in whole["security_group_rules"]
    assert member("DELETE", f"/security-group-rules/{made['id']}").status == 204
    assert member("GET", f"/security-group-rules/{made['id']}").status == 404


def test_a_protocol_may_be_a_number(member, group):
    assert rule(member, group, protocol=17)["security_group_rule"]["protocol"] == "17"
    assert rule(member, group, protocol="udp").error == "SecurityGroupRuleExists"


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"port_range_min": -16, "port_range_max": 80}, "Invalid value for port -16"),
        ({"port_range_min": 80, "port_range_max": 79}, "port_range_min must be <= port_range_max"),
        ({"port_range_min": 80, "port_range_max": 65536}, "Invalid value for port 65536"),
        ({"port_range_min": None, "port_range_max": 6}, "port_range_min must be <= port_range_max"),
        ({"protocol": "icmp", "port_range_min": 1, "port_range_max": 256}, "Invalid value for ICMP code"),
        ({"protocol": "icmp", "port_range_min": None, "port_range_max": 6}, "ICMP type (port-range-min) is missing"),
        ({"protocol": "icmp", "port_range_min": 300, "port_range_max": 1}, "Invalid value for ICMP type"),
        ({"protocol": None, "port_range_min": 1, "port_range_max": 1}, "protocol"),
        ({"protocol": "nonsense"}, "protocol"),
        ({"protocol": True}, "protocol"),
        ({"protocol": 256}, "protocol"),
        ({"ethertype": "IPv5"}, "ethertype"),
        ({"direction": "up"}, "direction"),
        ({"remote_ip_prefix": "192.168.1.1/33"}, "remote_ip_prefix"),
        ({"remote_ip_prefix": "fd00::/64"}, "Conflicting value ethertype"),
        ({"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": "11111111-1111-1111-1111-111111111111"}, "Only one"),
    ],
)
def test_bad_rules_are_named(member, group, values, word):
    answer = rule(member, group, **values)
    assert answer.status == 400 and word in answer.message


def test_duplicates_are_refused(member, group):
    rule(member, group, port_range_min=66, port_range_max=67)
    again = rule(member, group, port_range_min=66, port_range_max=67, description="other")
    assert (again.status, again.error) == (409, "SecurityGroupRuleExists")


def test_remote_groups(member, group):
    other = member.make("/security-groups", name="other")
    made = rule(member, group, remote_group_id=other["id"])["security_group_rule"]
    for id in ("11111111-1111-1111-1111-111111111111", "no-such-group"):
        assert rule(member, group, remote_group_id=id).status == 404
    assert member("DELETE", f"/security-groups/{other['id']}").status == 204
    assert member("GET", f"/security-group-rules/{made['id']}").status == 404


def test_rules_count_against_the_quota(member, admin, group):
    used = lambda: member("GET", "/quotas/demo/details.json")["quota"]["security_group_rule"]["used"]  # noqa: E731
    before = used()
    made = rule(member, group)["security_group_rule"]
    assert used() == before + 1
    member("DELETE", f"/security-group-rules/{made['id']}")
    assert used() == before
    member("DELETE", f"/security-groups/{group['id']}")
    assert used() == 4


def test_strangers(member, stranger, reader, group):
    one = f"/security-groups/{group['id']}"
    assert stranger("GET", one).status == 404
    assert stranger("DELETE", one).status == 404
    assert rule(stranger, group).status == 404
    assert reader("GET", one).status == 200
    assert reader("DELETE", one).status == 403
    assert rule(reader, group).status == 403


def test_a_prefix_is_kept_as_given_and_shown_normalized(member, group):
    made = rule(member, group, remote_ip_prefix="10.0.0.34/24")["security_group_rule"]
    assert (made["remote_ip_prefix"], made["normalized_cidr"]) == ("10.0.0.34/24", "10.0.0.0/24")
    assert rule(member, group, remote_ip_prefix="10.0.0.0/24").error == "SecurityGroupRuleExists"


def test_a_port_is_in_stateful_groups_or_in_stateless_ones(member, group):
    stateless = member.make("/security-groups", name="fast", stateful=False)
    network = member.make("/networks")
    both = {"network_id": network["id"], "security_groups": [group["id"], stateless["id"]]}
    assert member("POST", "/ports", {"port": both}).error == "SecurityGroupConflict"
