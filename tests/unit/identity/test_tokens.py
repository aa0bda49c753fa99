import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from skyloom.identity.errors import TokenInvalid
from skyloom.identity.tokens import METHODS, ScopeKind, Token, TokenFormat, methods_mask

OLD, NEW = Fernet.generate_key(), Fernet.generate_key()
ids = st.text("0123456789abcdef", min_size=1, max_size=64)
tokens = st.builds(
    Token,
    format=st.just(1),
    user_id=ids,
    methods=st.sets(st.sampled_from(METHODS), min_size=1).map(lambda names: methods_mask(sorted(names))),
    scope=st.sampled_from(ScopeKind),
    scope_id=ids,
    issued_us=st.integers(0, 2**52),
    expires_us=st.integers(0, 2**52),
    audit_ids=st.lists(ids, min_size=1, max_size=2).map(tuple),
    application_credential_id=st.none() | ids,
    trust_id=st.none() | ids,
)


@given(tokens)
def test_what_was_packed_is_unpacked(token: Token) -> None:
    found = TokenFormat([NEW]).unpack(TokenFormat([NEW]).pack(token))
    assert found == token
    assert methods_mask(found.method_names) == token.methods


@given(tokens)
def test_a_token_fits_into_a_header(token: Token) -> None:
    assert len(TokenFormat([NEW]).pack(token)) <= 1024


@given(tokens)
def test_an_older_key_still_reads_and_no_longer_signs(token: Token) -> None:
    both = TokenFormat([NEW, OLD])
    assert both.unpack(TokenFormat([OLD]).pack(token)) == token
    with pytest.raises(TokenInvalid):
        TokenFormat([OLD]).unpack(both.pack(token))


@given(st.text(max_size=2000) | st.binary(max_size=300).map(lambda raw: raw.decode("latin-1")))
def test_rubbish_is_no_token(text: str) -> None:
    with pytest.raises(TokenInvalid):
        TokenFormat([NEW]).unpack(text)


@given(tokens, st.data())
def test_a_changed_letter_makes_it_void(token: Token, data: st.DataObject) -> None:
    text = TokenFormat([NEW]).pack(token)
    at = data.draw(st.integers(0, len(text) - 2))
    other = data.draw(st.sampled_from("ABCabc012-_").filter(lambda letter: letter != text[at]))
    with pytest.raises(TokenInvalid):
        TokenFormat([NEW]).unpack(text[:at] + other + text[at + 1 :])
