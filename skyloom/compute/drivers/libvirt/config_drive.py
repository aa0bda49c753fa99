"""The config drive: a small ISO 9660 disk labelled config-2, where guests look for their metadata."""

import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from skyloom.compute.drivers.contract import BuildFailed

LABEL = "config-2"


def write_config_drive(content: Mapping[str, bytes], path: Path) -> None:
    """`content`: path in the drive -> bytes. `path` is there only when it is whole."""
    draft = path.with_suffix(".draft")
    with tempfile.TemporaryDirectory(prefix="config-drive-", dir=path.parent) as folder:
        for name, data in content.items():
            _refuse_outside(name)
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        argv = ["genisoimage", "-quiet", "-J", "-R", "-V", LABEL, "-o", str(draft), folder]
        subprocess.run(argv, capture_output=True, timeout=60, check=True)
    draft.rename(path)


def _refuse_outside(name: str) -> None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise BuildFailed(f"A config drive cannot hold a file named {name!r}.")
