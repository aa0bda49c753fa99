"""Connections to an LDAP server: made with TLS and time limits, kept for the next question, counted.

A directory that does not answer must cost its own users only: nobody waits longer than the time limits say, never more
than the pool's size wait at once, and for a moment after a failure nobody tries at all.
"""

import logging
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import ldap
from ldap.ldapobject import SimpleLDAPObject

from skyloom.clock import Clock
from skyloom.identity.drivers.contract import DirectoryAway, DirectoryRefused, LdapOptions

log = logging.getLogger(__name__)
PAUSE_S = 2
REQUIRE_CERT = {"demand": ldap.OPT_X_TLS_DEMAND, "allow": ldap.OPT_X_TLS_ALLOW, "never": ldap.OPT_X_TLS_NEVER}
AWAY = (ldap.SERVER_DOWN, ldap.TIMEOUT, ldap.CONNECT_ERROR, ldap.BUSY, ldap.UNAVAILABLE)


class Server:
    """What is known of the server of these options, by all pools that lead to it."""

    def __init__(self, options: LdapOptions, clock: Clock):
        self.options = options
        self.clock = clock
        self._quiet_until = 0.0

    def connect(self, as_service: bool) -> SimpleLDAPObject:
        """A new connection; `as_service`: bound as the options' user, or anonymous without one."""
        if self.clock.monotonic() < self._quiet_until:
            raise self.away()
        with self.told():
            connection = self._new()
            try:
                self._secure(connection)
                if as_service and self.options.user and self.options.password:
                    connection.simple_bind_s(self.options.user, self.options.password)
            except BaseException:
                close(connection)
                raise
            return connection

    def _secure(self, connection: SimpleLDAPObject) -> None:
        """TLS, where the options ask for it. What goes wrong there is for an administrator, not for patience."""
        if not self.options.use_tls and not self.options.url.startswith("ldaps:"):
            return
        begun = self.clock.monotonic()
        try:
            if self.options.use_tls:
                connection.start_tls_s()
            else:
                _first_question(connection)
        except (ldap.SERVER_DOWN, ldap.CONNECT_ERROR) as error:
            # the library says the same of a dead server and of one whose certificate it does not take
            if self.clock.monotonic() - begun < self.options.connection_timeout and self._listens():
                log.warning("no TLS with the directory %s: %s", self.options.url, error)
                raise DirectoryRefused(
                    "The directory of this domain makes no connection that is safe; an administrator must see whether "
                    "its certificate is signed by the CA of the domain's configuration and names its host.",
                    30,
                ) from error
            raise

    def _listens(self) -> bool:
        for url in self.options.url.replace(",", " ").split():
            at = urlsplit(url)
            port = at.port or (636 if at.scheme == "ldaps" else 389)
            try:
                socket.create_connection((at.hostname or "", port), self.options.connection_timeout).close()
                return True
            except OSError:
                continue
        return False

    def _new(self) -> SimpleLDAPObject:
        options = self.options
        connection = ldap.initialize(" ".join(options.url.replace(",", " ").split()))
        connection.timeout = options.pool_connection_timeout
        connection.set_option(ldap.OPT_PROTOCOL_VERSION, ldap.VERSION3)
        connection.set_option(ldap.OPT_NETWORK_TIMEOUT, options.connection_timeout)
        connection.set_option(ldap.OPT_TIMEOUT, options.pool_connection_timeout)
        connection.set_option(ldap.OPT_REFERRALS, ldap.OPT_ON if options.chase_referrals else ldap.OPT_OFF)
        connection.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, REQUIRE_CERT[options.tls_req_cert])
        if options.tls_cacertfile:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, options.tls_cacertfile)
        elif options.tls_cacertdir:
            connection.set_option(ldap.OPT_X_TLS_CACERTDIR, options.tls_cacertdir)
        # the settings above count for this connection only once it has a TLS context of its own
        connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
        return connection

    @contextmanager
    def told(self) -> Iterator[None]:
        """The library's errors as the two of the contract; the log has what it said."""
        try:
            yield
        except AWAY as error:
            self._quiet_until = self.clock.monotonic() + PAUSE_S
            log.warning("the directory %s does not answer: %s", self.options.url, error)
            raise self.away() from error
        except ldap.LDAPError as error:
            log.warning("the directory %s refused: %s", self.options.url, error)
            raise DirectoryRefused(
                f"The directory of this domain refuses our questions ({_words(error)}); "
                "an administrator must look at the domain's configuration.",
                30,
            ) from error
        except (ValueError, TypeError) as error:
            log.warning("the options of the directory %s cannot be used: %s", self.options.url, error)
            raise DirectoryRefused("The directory's options cannot be used; the log says which.", 30) from error

    def away(self) -> DirectoryAway:
        return DirectoryAway("The directory of this domain does not answer now; try again in a few seconds.")


class Connections:
    """At most `size` at once; one that is given back serves again until it is `lifetime_s` old."""

    def __init__(self, server: Server, as_service: bool, size: int, lifetime_s: float):
        self.server = server
        self.as_service = as_service
        self.lifetime_s = lifetime_s
        self._free = threading.BoundedSemaphore(size)
        self._idle: list[tuple[SimpleLDAPObject, float]] = []
        self._lock = threading.Lock()
        self._is_closed = False

    @contextmanager
    def one(self) -> Iterator[SimpleLDAPObject]:
        """For one question at a time. Raises DirectoryAway and DirectoryRefused."""
        if not self._free.acquire(timeout=self.server.options.pool_connection_timeout):
            raise self.server.away()
        try:
            connection, born = self._take()
            is_sound = False
            try:
                with self.server.told():
                    yield connection
                is_sound = True
            finally:
                self._give_back(connection, born, is_sound)
        finally:
            self._free.release()

    def _take(self) -> tuple[SimpleLDAPObject, float]:
        while True:
            with self._lock:
                if not self._idle:
                    break
                connection, born = self._idle.pop()
            if self._is_young(born) and _is_open(connection):
                return connection, born
            close(connection)
        return self.server.connect(self.as_service), self.server.clock.monotonic()

    def _give_back(self, connection: SimpleLDAPObject, born: float, is_sound: bool) -> None:
        with self._lock:
            if is_sound and not self._is_closed and self._is_young(born):
                self._idle.append((connection, born))
                return
        close(connection)

    def _is_young(self, born: float) -> bool:
        return self.server.clock.monotonic() - born < self.lifetime_s

    def close(self) -> None:
        """Those in use are closed when they are given back."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            close(connection)


def _first_question(connection: SimpleLDAPObject) -> None:
    """The library connects at the first question. A server that refuses to answer this one has been reached."""
    try:
        connection.search_ext_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["1.1"])
    except (*AWAY, ldap.LOCAL_ERROR):
        raise
    except ldap.LDAPError as error:
        log.debug("a server that does not tell of itself: %s", error)


def close(connection: SimpleLDAPObject) -> None:
    try:
        connection.unbind_s()
    except ldap.LDAPError as error:
        log.debug("a connection that is given up: %s", error)


def _is_open(connection: SimpleLDAPObject) -> bool:
    """An idle connection has nothing to read unless its server has closed it."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _words(error: ldap.LDAPError) -> str:
    """What kind of refusal it is; the server's own words may name what is not for everybody."""
    found = error.args[0] if error.args else None
    return str(found.get("desc", "error")) if isinstance(found, dict) else "error"
