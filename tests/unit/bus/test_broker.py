import pytest

from skyloom.bus.broker import Broker, UnusableBrokerUrl


def test_a_url_tells_servers_and_credential_apart():
    broker = Broker.parse("tls://host.a:p%40ss@10.0.0.1:4222,10.0.0.2:4223?ca=/etc/ca.pem&cert=c&key=k")
    assert broker.servers == ("tls://10.0.0.1:4222", "tls://10.0.0.2:4223")
    assert (broker.user, broker.password, broker.token) == ("host.a", "p@ss", None)
    assert (broker.ca, broker.certificate, broker.key) == ("/etc/ca.pem", "c", "k")
    assert broker.is_encrypted
    assert broker.inbox == "_INBOX.host.a"
    assert "p@ss" not in repr(broker) + broker.name


def test_a_token_and_no_credential_share_the_plain_inbox():
    assert Broker.parse("nats://t0ken@10.0.0.1:4222").token == "t0ken"
    assert Broker.parse("nats://10.0.0.1:4222").token is None
    assert Broker.parse("nats://10.0.0.1:4222").inbox == "_INBOX"


@pytest.mark.parametrize("url", ["", "10.0.0.1:4222", "amqp://10.0.0.1", "nats://"])
def test_what_is_no_brokers_url_is_refused(url):
    with pytest.raises(UnusableBrokerUrl):
        Broker.parse(url)
