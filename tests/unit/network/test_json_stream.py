"""Messages cut anywhere come out whole and in their order."""

import errno
import json

from hypothesis import given
from hypothesis import strategies as st
from ovs.jsonrpc import EOF

from skyloom.network.drivers.ovn.stream import Connection


class Stream:
    """Gives the pieces one at a time, with a pause after each."""

    name = "pieces"

    def __init__(self, pieces: list[bytes]):
        self.turns: list[tuple[int, bytes]] = [turn for piece in pieces for turn in ((0, piece), (errno.EAGAIN, b""))]

    def close(self) -> None:
        self.turns.clear()

    def recv(self, size: int) -> tuple[int, bytes]:
        return self.turns.pop(0) if self.turns else (0, b"")


def received(pieces: list[bytes]) -> list[object]:
    connection = Connection(Stream(pieces))
    connection.begin()
    params = []
    while True:
        problem, message = connection.recv()
        if problem == EOF:
            return params
        if message is not None:
            params.append(message.params)


texts = st.lists(st.lists(st.text(max_size=20), max_size=4), max_size=6)


@given(sent=texts, cuts=st.lists(st.integers(1, 30), min_size=1, max_size=40))
def test_messages_cut_anywhere_arrive_whole(sent: list[list[str]], cuts: list[int]):
    whole = b"".join(
        json.dumps({"id": None, "method": "update", "params": params}, ensure_ascii=False).encode() for params in sent
    )
    pieces = []
    for cut in cuts:
        pieces.append(whole[:cut])
        whole = whole[cut:]
    assert received([piece for piece in [*pieces, whole] if piece]) == sent


def test_what_is_no_message_ends_the_connection():
    connection = Connection(Stream([b'{"neither": "request", "nor": "reply"}']))
    connection.begin()
    assert connection.recv() == (errno.EPROTO, None)
