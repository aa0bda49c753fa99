import pytest


def test_a_new_network_shows_what_neutron_shows(member):
    network = member.make("/networks", name="net1")
    assert network["status"] == "ACTIVE"
    assert network["mtu"] == 1442
    assert network["tenant_id"] == network["project_id"] == "demo"
    assert network["router:external"] is False
    assert network["subnets"] == []
    assert network["created_at"].endswith("Z") and len(network["created_at"]) == 20
    assert network["revision_number"] == 1
    assert "provider:network_type" not in network
    assert member("GET", f"/networks/{network['id']}")["network"] == network


def test_an_admin_sees_the_provider_attributes(member, admin):
    id = member.make("/networks")["id"]
    network = admin("GET", f"/networks/{id}")["network"]
    assert network["provider:network_type"] == "geneve"
    assert network["provider:segmentation_id"] > 0


def test_networks_are_made_in_bulk_or_not_at_all(member):
    made = member("POST", "/networks", {"networks": [{"name": "a"}, {"name": "b"}]})
    assert [network["name"] for network in made["networks"]] == ["a", "b"]
    refused = member("POST", "/networks", {"networks": [{"name": "c"}, {"mtu": 9000}]})
    assert refused.status == 400
    assert {network["name"] for network in member("GET", "/networks")["networks"]} == {"a", "b"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": 7}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"admin_state_up": "perhaps"}, "admin_state_up"),
        ({"mtu": "wide"}, "mtu"),
        ({"mtu": 9000}, "MTU"),
        ({"id": "mine"}, "id"),
        ({"nonsense": 1}, "nonsense"),
        ({"status": "ACTIVE"}, "status"),
        ({"availability_zone_hints": ["moon"]}, "moon"),
    ],
)
def test_bad_input_names_the_attribute(member, values, field):
    answer = member("POST", "/networks", {"network": values})
    assert answer.status == 400
    assert field in answer.message
    assert member("GET", "/networks")["networks"] == []


def test_a_network_without_an_envelope_is_refused(member):
    assert member("POST", "/networks", {"name": "net1"}).status == 400


def test_only_an_admin_shares_networks_and_makes_provider_ones(member, admin):
    for values in ({"shared": True}, {"router:external": True}, {"provider:network_type": "flat"}):
        assert member("POST", "/networks", {"network": values}).status == 403
    made = admin.make("/networks", shared=True, provider__network_type="flat", provider__physical_network="public")
    assert made["mtu"] == 1500 and made["provider:physical_network"] == "public"
    again = admin(
        "POST", "/networks", {"network": {"provider:network_type": "flat", "provider:physical_network": "public"}}
    )
    assert again.status == 409


def test_strangers_find_nothing(member, stranger, client):
    id = member.make("/networks", name="mine")["id"]
    assert stranger("GET", f"/networks/{id}").status == 404
    assert stranger("PUT", f"/networks/{id}", {"network": {"name": "stolen"}}).status == 404
    assert stranger("DELETE", f"/networks/{id}").status == 404
    assert stranger("GET", "/networks")["networks"] == []
    assert client("")("GET", "/networks").status == 401
    assert client("demo:nobody")("GET", "/networks").status == 403


def test_a_reader_reads_only(member, reader):
    id = member.make("/networks")["id"]
    assert reader("GET", f"/networks/{id}").status == 200
    assert reader("POST", "/networks", {"network": {}}).status == 403
    assert reader("PUT", f"/networks/{id}", {"network": {"name": "x"}}).status == 403
    assert reader("DELETE", f"/networks/{id}").status == 403


def test_a_shared_network_is_seen_and_not_touched(admin, member):
    id = admin.make("/networks", shared=True)["id"]
    assert member("GET", f"/networks/{id}").status == 200
    assert member("DELETE", f"/networks/{id}").status == 403


def test_lists_filter_by_any_of_the_values(member):
    for name in ("a", "b", "c"):
        member.make("/networks", name=name)
    names = lambda query: sorted(n["name"] for n in member("GET", f"/networks?{query}")["networks"])  # noqa: E731
    assert names("name=a&name=b") == ["a", "b"]
    assert names("name=a&admin_state_up=True") == ["a"]
    assert names("admin_state_up=false") == []
    assert names("tenant_id=demo") == ["a", "b", "c"]
    assert member("GET", "/networks?nonsense=1").status == 400
    assert member("GET", "/networks?mtu=wide").status == 400


def test_fields_choose_what_is_shown(member):
    id = member.make("/networks", name="a")["id"]
    assert member("GET", f"/networks/{id}?fields=id&fields=name")["network"] == {"id": id, "name": "a"}
    assert member("GET", "/networks?fields=name")["networks"] == [{"name": "a"}]


def test_pages_lead_through_the_whole_list_and_back(member):
    for number in range(5):
        member.make("/networks", name=f"n{number}")
    first = member("GET", "/networks?limit=2&sort_key=name&sort_dir=desc")
    assert [n["name"] for n in first["networks"]] == ["n4", "n3"]
    assert [link["rel"] for link in first["networks_links"]] == ["next"]
    second = member("GET", first["networks_links"][0]["href"].partition("/v2.0")[2])
    assert [n["name"] for n in second["networks"]] == ["n2", "n1"]
    links = {link["rel"]: link["href"].partition("/v2.0")[2] for link in second["networks_links"]}
    assert [n["name"] for n in member("GET", links["previous"])["networks"]] == ["n4", "n3"]
    assert [n["name"] for n in member("GET", links["next"])["networks"]] == ["n0"]
    beyond = member("GET", f"/networks?limit=2&sort_key=name&marker={first['networks'][0]['id']}")
    assert beyond["networks"] == []
    back = beyond["networks_links"][0]["href"].partition("/v2.0")[2]
    assert [n["name"] for n in member("GET", back)["networks"]] == ["n3", "n4"]
    assert member("GET", "/networks?limit=2&marker=nowhere").status == 400


def test_an_update_raises_the_revision(member):
    before = member.make("/networks", name="a")
    after = member("PUT", f"/networks/{before['id']}", {"network": {"name": "b", "admin_state_up": False}})["network"]
    assert after["name"] == "b" and after["admin_state_up"] is False
    assert after["revision_number"] > before["revision_number"]


def test_a_network_goes_with_its_subnets_and_not_with_ports(member):
    network = member.make("/networks")
    subnet = member.make("/subnets", network_id=network["id"], ip_version=4, cidr="10.0.0.0/24")
    port = member.make("/ports", network_id=network["id"])
    refused = member("DELETE", f"/networks/{network['id']}")
    assert (refused.status, refused.error) == (409, "NetworkInUse")
    member("DELETE", f"/ports/{port['id']}")
    assert member("DELETE", f"/networks/{network['id']}").status == 204
    assert member("GET", f"/subnets/{subnet['id']}").status == 404
    assert member("GET", "/ports")["ports"] == []


def test_quota_stops_the_next_network(admin, member):
    assert admin("PUT", "/quotas/demo", {"quota": {"network": 1}}).status == 200
    id = member.make("/networks")["id"]
    refused = member("POST", "/networks", {"network": {}})
    assert (refused.status, refused.error) == (409, "OverQuota")
    member("DELETE", f"/networks/{id}")
    member.make("/networks")


def test_the_public_network_is_seen_by_all_and_its_subnet_is_not(public, member, service):
    found = member("GET", "/networks?router:external=True")["networks"]
    assert [network["id"] for network in found] == [public.id]
    assert member("GET", f"/subnets?network_id={public.id}")["subnets"] == []
    again = service.bootstrap("operators", "203.0.113.0/24", "203.0.113.1", ("203.0.113.10", "203.0.113.40"))
    assert again == public


def test_tags(member):
    id = member.make("/networks")["id"]
    assert member("PUT", f"/networks/{id}/tags/red").status == 201
    assert member("GET", f"/networks/{id}/tags/red").status == 204
    assert member("GET", f"/networks/{id}/tags/blue").status == 404
    assert member("PUT", f"/networks/{id}/tags", {"tags": ["blue", 'a","b']})["tags"] == ['a","b', "blue"]
    assert len(member("GET", "/networks?tags=blue")["networks"]) == 1
    assert member("GET", "/networks?tags-any=red,b")["networks"] == []
    assert member("GET", "/networks?not-tags=blue")["networks"] == []
    assert member("DELETE", f"/networks/{id}/tags").status == 204
    assert member("GET", f"/networks/{id}/tags")["tags"] == []
