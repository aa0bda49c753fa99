"""The control plane: services over one database, workers, reconcilers and the APIs on one port."""

import logging
from collections.abc import Iterator
from ipaddress import ip_network

from skyloom import compute, identity, image
from skyloom.access import Caller
from skyloom.access.policy_files import LOOK_EVERY_S
from skyloom.access.vault import Vault
from skyloom.agent import HostAlive, ImagePart, MetadataAnswer, MetadataGet, hear_hosts, serve_images, serve_metadata
from skyloom.agent import Hosts as RemoteHosts
from skyloom.bus import Bus
from skyloom.compute.api import api as compute_api
from skyloom.compute.drivers.contract import ImageGone
from skyloom.db import Database
from skyloom.home import Home, Plan
from skyloom.identity.api import api as identity_api
from skyloom.identity.api.shibboleth import api as shibboleth_api
from skyloom.identity.drivers.opening import federation_opener, opener, saml_provider_opener
from skyloom.identity.service.bootstrap import Bootstrap, CatalogEntry, FirstUser
from skyloom.identity.service.federation.saml_keys import SamlKeys
from skyloom.image.api import api as image_api
from skyloom.image.drivers.files import FileStore
from skyloom.image.reconcile import ImageReconciler
from skyloom.network.api import api as network_api
from skyloom.network.drivers.contract import NetworkDriver
from skyloom.network.drivers.simulated import SimulatedNetwork
from skyloom.network.reconcile import Reconciler as NetworkReconciler
from skyloom.network.service import NetworkService
from skyloom.placement import PlacementService
from skyloom.web.app import Application
from skyloom.web.http import Request
from skyloom.web.routes import Api
from skyloom.wire.configuration import configuration
from skyloom.wire.machine import HOST, Machine
from skyloom.wire.policies import default_policy, loaded_files
from skyloom.work import Loop, Work, Worker

log = logging.getLogger(__name__)
TASKS_KEPT_S = 7 * 86_400
SIMULATED_EXTERNAL = "198.51.100.0/24"
CATALOG = (
    CatalogEntry("identity", "keystone", "/identity"),
    CatalogEntry("compute", "nova", "/compute/v2.1"),
    CatalogEntry("image", "glance", "/image"),
    CatalogEntry("network", "neutron", "/network"),
)


class Core:
    """Built from a database that is prepared; `start` begins the work, `stop` ends it and loses nothing."""

    def __init__(self, home: Home, plan: Plan, db: Database, bus: Bus, machine: Machine):
        self.home = home
        self.plan = plan
        self.db = db
        self.bus = bus
        self.machine = machine
        self.policy = default_policy()
        self.policy_files = loaded_files(home, self.policy, is_kept=True)
        self.work = Work(db)
        settings = configuration(home, plan).identity
        vault = Vault.at(home.folder / "secret.key")
        self.identity = identity.IdentityService(
            db,
            self.policy,
            vault,
            settings,
            plan.public_url,
            opener(db.clock),
            federation_opener(db.clock, SamlKeys(db, vault).pair),
            saml_provider_opener(db.clock),
        )
        self.images = FileStore(home.folder / "images")
        self.image = image.ImageService(db, self.policy, self.images, image.ImageSettings())
        self.network = NetworkService(db, self.policy)
        self.network_driver = self._network_driver()
        self.network_reconciler = NetworkReconciler(db, self.network, self.network_driver)
        self.placement = PlacementService(db)
        self.compute = compute.ComputeService(
            compute.Parts(
                db=db,
                policy=self.policy,
                work=self.work,
                placement=self.placement,
                images=self.image,
                network=self.network,
                drivers=RemoteHosts(bus),
            )
        )
        self.worker = Worker(self.work, self.compute.flows(), node="core")
        self.loops = self._loops()
        self.subscriptions = [
            hear_hosts(bus, self._hear),
            serve_images(bus, self._image_part),
            serve_metadata(bus, self._metadata),
        ]

    def _network_driver(self) -> NetworkDriver:
        if self.machine.ovn is None:
            return SimulatedNetwork()
        # Here and not above: a simulated network starts without OVSDB's libraries, and 13 MB smaller.
        from skyloom.network.drivers.ovn import OvnNetwork

        return OvnNetwork(self.machine.ovn.northbound, [HOST])

    def _loops(self) -> list[Loop]:
        images = Loop("images", ImageReconciler(self.image).pass_once, 60)
        self.image.kick = images.kick
        hosts = Loop("hosts", self._compare_hosts, 10)
        self.compute.hosts.on_back = hosts.kick
        tasks = Loop("tasks", self._prune, 3600)
        policy = Loop("policy", self.policy_files.look, LOOK_EVERY_S)
        return [images, hosts, tasks, policy]

    def _compare_hosts(self) -> None:
        self.compute.reconciler.pass_once()

    def _prune(self) -> None:
        self.work.prune(older_than_s=TASKS_KEPT_S)
        self.identity.sessions.keys.prune()

    # -- what hosts tell and ask

    def _hear(self, name: str, alive: HostAlive) -> None:
        self.compute.hosts.hear(name, alive.description.resources)

    def _image_part(self, image_id: str, offset: int, length: int) -> ImagePart:
        found = self.image.rows.get(self.db.read(), image_id)
        if found is None or found.size is None:
            raise ImageGone(f"Image {image_id} is no more; the server cannot be built from it.")
        data = b"".join(self.image.read(image_id, offset, length))
        return ImagePart(data, found.size, found.checksum)

    def _metadata(self, host: str, request: MetadataGet) -> MetadataAnswer:
        answer = self.compute.metadata.answer(request.network_id, request.source_ip, request.path, host)
        return MetadataAnswer(*answer)

    # -- life

    def bootstrap(self) -> None:
        """What a new cloud has; changes nothing that is there."""
        passwords = self.home.passwords()
        people = (
            FirstUser("admin", passwords.admin, "admin", "admin", is_system_admin=True),
            FirstUser("demo", passwords.demo, "demo", "member"),
            FirstUser("reader", passwords.reader, "demo", "reader"),
        )
        region = self.identity.settings.region
        self.identity.bootstrap(Bootstrap(region, ("admin", "demo"), people, CATALOG))
        self.home.write_clouds(self.plan, region)
        self.compute.flavors.ensure_first()
        external = self.machine.ovn.external() if self.machine.ovn else ip_network(SIMULATED_EXTERNAL)
        addresses = [str(external[number]) for number in (1, 2, external.num_addresses - 2)]
        admin = self.identity.principals.project_named(self.db.read(), "admin", "default", None)
        assert admin is not None
        self.network.bootstrap(admin.id, str(external), addresses[0], (addresses[1], addresses[2]))

    def start(self) -> None:
        self.images.sweep()
        self.image.forget_uploads()
        self.network_reconciler.start()
        for loop in self.loops:
            loop.start()
        self.worker.start()

    def stop(self) -> None:
        for subscription in self.subscriptions:
            subscription.close()
        self.worker.stop()
        for loop in self.loops:
            loop.stop()
        self.network_reconciler.stop()
        self.network_driver.close()
        self.identity.directories.close()
        self.identity.federation.close()

    def apis(self) -> Iterator[Api]:
        yield identity_api(self.identity)
        yield compute_api(self.compute)
        yield image_api(self.image)
        yield network_api(self.network)
        yield shibboleth_api(self.identity)

    def application(self) -> Application:
        scheme = "https" if self.plan.tls else "http"
        return Application(list(self.apis()), self._authenticate, scheme, "Skyloom")

    def _authenticate(self, token: str, request: Request) -> Caller:
        return self.identity.authenticate(token, request.method, request.path, request.certificate)
