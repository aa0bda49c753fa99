"""Debian packages, looked up and fetched by apt, unpacked but never installed.

apt checks each package against the archive's signed lists. Where the machine's own lists are empty or older than the
archive, a second set of lists in the builder's folder takes their place, so that neither root nor a change of the
machine is needed.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from skyloom.guest import tools
from skyloom.guest.errors import GuestToolFailed, PackagesNotFound

KERNEL = "linux-image-cloud-amd64"
MACHINE_LISTS = Path("/var/lib/apt/lists")
OPTIONS = ("-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3")


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    sha256: str
    depends: str


def parse(stanzas: str) -> list[Package]:
    """What `apt-cache show` prints, one package a stanza; of a package listed twice the first counts."""
    found: dict[str, Package] = {}
    for stanza in stanzas.split("\n\n"):
        fields = dict(re.findall(r"^([\w-]+): (.*)$", stanza, re.MULTILINE))
        if "Package" in fields:
            package = Package(fields["Package"], fields["Version"], fields.get("SHA256", ""), fields.get("Depends", ""))
            found.setdefault(package.name, package)
    return list(found.values())


def kernel_of(metapackage: Package) -> str:
    """The name of the package that holds the kernel itself: linux-image-6.1.0-56-cloud-amd64."""
    name = re.search(r"linux-image-[\w.+-]+", metapackage.depends)
    if name is None:
        raise PackagesNotFound([metapackage.name])
    return name[0]


class Archive:
    """Debian's archive as this machine's apt knows it, with a folder for what is fetched."""

    def __init__(self, folder: Path, progress: Callable[[str], None]):
        self._folder = folder
        self._progress = progress

    def find(self, names: Iterable[str]) -> list[Package]:
        """The named packages, in that order, in the newest versions. Raises PackagesNotFound."""
        wanted = list(names)
        found = self._look_up(wanted)
        if len(found) < len(wanted):
            self.refresh()
            found = self._look_up(wanted)
        missing = [name for name in wanted if name not in found]
        if missing:
            raise PackagesNotFound(missing)
        return [found[name] for name in wanted]

    def fetch(self, packages: Iterable[Package]) -> list[Path]:
        """The .deb files of the packages; those of older versions are removed. Raises GuestToolFailed."""
        debs = self._folder / "debs"
        debs.mkdir(parents=True, exist_ok=True)
        paths = {debs / f"{package.name}_{package.sha256[:16]}.deb": package for package in packages}
        missing = {path: package for path, package in paths.items() if not path.exists()}
        if missing:
            self._progress(f"Fetching {', '.join(package.name for package in missing.values())}")
            self._download(missing)
        for old in set(debs.iterdir()) - set(paths):
            old.unlink()
        return list(paths)

    def refresh(self) -> None:
        """Read the archive's lists anew into the builder's own folder."""
        self._progress("Reading Debian's package lists")
        (self._lists / "partial").mkdir(parents=True, exist_ok=True)
        try:
            tools.run(["apt-get", *OPTIONS, *self._own_lists(), "update"])
        except GuestToolFailed as failed:
            # One dead source among several is no harm as long as Debian's own answered, which find() sees.
            self._progress(str(failed))

    @property
    def _lists(self) -> Path:
        return self._folder / "lists"

    def _look_up(self, names: list[str]) -> dict[str, Package]:
        try:
            shown = self._apt("apt-cache", "show", "--no-all-versions", *names)
        except GuestToolFailed:  # apt-cache says so when it knows none of the names
            return {}
        return {package.name: package for package in parse(shown) if package.sha256}

    def _download(self, packages: Mapping[Path, Package]) -> None:
        draft = self._folder / "download"
        draft.mkdir(exist_ok=True)
        for leftover in draft.iterdir():
            leftover.unlink()
        self._apt("apt-get", "download", *(f"{one.name}={one.version}" for one in packages.values()), cwd=draft)
        for path, package in packages.items():
            (deb,) = draft.glob(f"{package.name}_*.deb")
            deb.rename(path)

    def _own_lists(self) -> list[str]:
        return ["-o", f"Dir::State::Lists={self._lists}", "-o", f"Dir::Cache={self._folder / 'cache'}"]

    def _apt(self, program: str, *words: str, cwd: Path | None = None) -> str:
        has_newer = any(self._lists.glob("*Packages*")) and _mtime(self._lists) > _mtime(MACHINE_LISTS)
        return tools.run([program, *OPTIONS, *(self._own_lists() if has_newer else []), *words], cwd=cwd)


def _mtime(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0
