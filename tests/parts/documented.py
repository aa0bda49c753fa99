"""The commands of a page in docs/, run as they stand there. `<!-- run: NAME -->` marks the blocks of one script."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.parts.whole_cloud import COMMAND_LIMIT_S, SOURCE

BLOCK = re.compile(r"<!-- run: (\w+) -->\n```sh\n(.*?)```", re.DOTALL)


def script(page: str, name: str) -> str:
    """The blocks of that name, in order."""
    text = (SOURCE / "docs" / page).read_text()
    found = [block for named, block in BLOCK.findall(text) if named == name]
    assert found, f"docs/{page} has no block {name}"
    return "\n".join(found)


def run(page: str, name: str, folder: Path, known: Mapping[str, str]) -> None:
    """In `folder`, with the variables in `known`. Every command must end well."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script(page, name)],
        cwd=folder,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("OS_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            **known,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
