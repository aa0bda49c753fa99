"""`skyloom image`: images made here, without a cloud."""

import argparse
import json
import os
import sys
from pathlib import Path

from skyloom import guest


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verbs = subparsers.add_parser("image", help="make guest images").add_subparsers(metavar="VERB", required=True)
    build = verbs.add_parser("build", help="build an image from Debian's packages, unless it is built already")
    build.add_argument("name", choices=["tiny"], help="tiny: a small test guest with busybox and SSH")
    build.add_argument("--out", type=Path, metavar="DIR", help="default: ~/.cache/skyloom/images")
    build.add_argument("--json", action="store_true", help="print the paths as JSON")
    build.set_defaults(run=run)


def default_folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "skyloom/images"


def run(arguments: argparse.Namespace) -> int:
    folder = (arguments.out or default_folder()).absolute()
    image = guest.build(folder, lambda line: print(line, file=sys.stderr, flush=True))
    paths = {"qcow2": str(image.qcow2), "kernel": str(image.kernel), "initrd": str(image.initrd)}
    if arguments.json:
        print(json.dumps(paths))
    else:
        for kind, path in paths.items():
            print(f"{kind:7} {path}")
    return 0
