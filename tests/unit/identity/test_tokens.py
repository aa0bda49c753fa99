import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

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


@settings(max_examples=400)
@given(tokens, st.data())
def test_any_changed_byte_makes_it_void(token: Token, data: st.DataObject) -> None:
    text = TokenFormat([NEW]).pack(token)
    at = data.draw(st.integers(0, len(text) - 1))
    other = chr(data.draw(st.integers(0, 255).filter(lambda code: code != ord(text[at]))))
    with pytest.raises(TokenInvalid):
        TokenFormat([NEW]).unpack(text[:at] + other + text[at + 1 :])


@given(tokens, st.integers(0, 400), st.text(min_size=1, max_size=3) | st.sampled_from(["=", "\n", " ", "!", "=="]))
def test_nothing_can_be_put_in_or_left_out(token: Token, at: int, added: str) -> None:
    text = TokenFormat([NEW]).pack(token)
    for changed in (text[:at] + added + text[at:], text[: min(at, len(text) - 1)]):
        with pytest.raises(TokenInvalid):
            TokenFormat([NEW]).unpack(changed)


@given(st.binary(max_size=200))
def test_what_is_sealed_by_our_key_and_no_token_is_none(content: bytes) -> None:
    with pytest.raises(TokenInvalid):
        TokenFormat([NEW]).unpack(Fernet(NEW).encrypt(content).decode().rstrip("="))


@given(tokens, st.integers(2, 100))
def test_a_token_of_another_form_is_none(token: Token, form: int) -> None:
    with pytest.raises(TokenInvalid):
        TokenFormat([NEW]).unpack(TokenFormat([NEW]).pack(replace(token, format=form)))
