"""What may go wrong while a guest image is built."""

from skyloom.errors import Unavailable


class GuestToolsMissing(Unavailable):
    code = "guest.tools_missing"

    def __init__(self, packages: list[str]):
        install = f"apt-get install --no-install-recommends {' '.join(packages)}"
        super().__init__(f"Programs that build the guest image are missing; install them by: {install}")


class GuestToolFailed(Unavailable):
    code = "guest.tool_failed"

    def __init__(self, program: str, status: int, output: str):
        super().__init__(f"{program} failed with status {status} while the guest image was built", output=output)
        self.output = output

    def __str__(self) -> str:
        return "\n".join([f"{self.sentence}:", *self.output.splitlines()[:4]])


class PackagesNotFound(Unavailable):
    code = "guest.packages_not_found"

    def __init__(self, names: list[str]):
        super().__init__(
            f"apt finds no package {', '.join(names)}; the tiny guest needs Debian 12's archive among apt's sources"
        )
