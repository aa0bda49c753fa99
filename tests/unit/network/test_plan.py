from hypothesis import given
from hypothesis import strategies as st

from skyloom.network.drivers.contract import INCOMPLETE, NOUNS
from skyloom.network.reconcile import plan

IDS = st.text("abc", min_size=1, max_size=2)
REVISIONS = st.dictionaries(st.sampled_from(NOUNS), st.dictionaries(IDS, st.integers(1, 3), max_size=5))
SEEN = st.dictionaries(
    st.sampled_from(NOUNS), st.dictionaries(IDS, st.integers(1, 3) | st.just(INCOMPLETE), max_size=5)
)


@given(REVISIONS, SEEN)
def test_after_the_plan_what_is_seen_is_what_is_wanted(wanted, seen):
    found = plan(wanted, seen)
    after = {noun: dict(seen.get(noun, {})) for noun in NOUNS}
    for noun, id in found.remove:
        del after[noun][id]
    for noun, id in found.ensure:
        after[noun][id] = wanted[noun][id]
    assert after == {noun: wanted.get(noun, {}) for noun in NOUNS}


@given(REVISIONS)
def test_nothing_is_done_when_all_is_in_force(wanted):
    found = plan(wanted, wanted)
    assert not found.ensure and not found.remove


@given(REVISIONS, SEEN)
def test_things_are_made_after_those_they_need_and_removed_before_them(wanted, seen):
    found = plan(wanted, seen)
    ranks = [NOUNS.index(noun) for noun, _ in found.ensure]
    assert ranks == sorted(ranks)
    ranks = [NOUNS.index(noun) for noun, _ in found.remove]
    assert ranks == sorted(ranks, reverse=True)
