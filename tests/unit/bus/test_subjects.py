import re

from hypothesis import given
from hypothesis import strategies as st

from skyloom.bus.contract import check_message, check_pattern
from skyloom.bus.subjects import Subjects, name_of, word

words = st.sampled_from(["a", "b", "c"])
subjects = st.lists(words, min_size=1, max_size=4).map(".".join)
patterns = st.builds(
    lambda start, end: ".".join([*start, *end]),
    st.lists(words | st.just("*"), min_size=1, max_size=4),
    st.sampled_from([[], [">"]]),
)


def meets(pattern: str, subject: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", r"[^.]+").replace(r">", ".+")
    return re.fullmatch(expression, subject) is not None


@given(st.lists(patterns, max_size=8), st.lists(st.integers(0, 7), max_size=4), subjects)
def test_the_values_found_are_those_whose_pattern_the_subject_meets(added, removed, subject):
    index: Subjects[int] = Subjects()
    for number, pattern in enumerate(added):
        index.add(pattern, number)
    for number in removed:
        if number < len(added):
            index.remove(added[number], number)
    left = {number: pattern for number, pattern in enumerate(added) if number not in removed}
    assert sorted(index.match(subject)) == [number for number, pattern in left.items() if meets(pattern, subject)]


def test_an_index_that_was_emptied_holds_nothing():
    index: Subjects[int] = Subjects()
    index.add("host.a.*", 1)
    index.remove("host.a.*", 1)
    index.remove("host.a.*", 1)
    index.remove("never", 1)
    assert index._root.after == {}


@given(st.text(min_size=1))
def test_any_name_is_one_word_and_comes_back(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return
    assert name_of(word(name)) == name
    check_message(f"host.{word(name)}.start", b"")
    check_pattern(f"host.{word(name)}.*")
    assert len(f"host.{word(name)}.start".split(".")) == 3
