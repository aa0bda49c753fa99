import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyloom.network import kinds
from skyloom.network.errors import HTTPBadRequest
from skyloom.network.resources import ALL

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("resource", ALL, ids=lambda resource: resource.name)
@given(data=st.data())
def test_any_json_is_taken_or_refused_by_name(resource, data):
    attribute = data.draw(st.sampled_from([a for a in resource.attributes if a.create or a.update]))
    value = data.draw(JSON)
    try:
        attribute.parse(value)
    except HTTPBadRequest as error:
        assert attribute.name in error.sentence


@pytest.mark.parametrize("value", [True, "true", "True", "1", 1, "on"])
def test_true(value):
    assert kinds.boolean(value) is True


@pytest.mark.parametrize("value", ["01:00:5e:00:00:01", "00:00:00:00:00:00", "fa:16:3e:00:00", "fa-16-3e-00-00-01", 5])
def test_these_are_no_mac_addresses(value):
    with pytest.raises(ValueError):
        kinds.mac(value)


def test_host_bits_of_a_cidr_are_cut_off():
    assert kinds.cidr("10.0.0.7/24") == "10.0.0.0/24"
