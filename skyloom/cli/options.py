"""Options that several verbs share."""

import argparse
from pathlib import Path

from skyloom.home import Home, default_folder

Subparsers = argparse._SubParsersAction


def add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--state", type=Path, metavar="DIR", help="the cloud's folder (~/.local/share/skyloom)")


def home_of(arguments: argparse.Namespace) -> Home:
    return Home((arguments.state or default_folder()).expanduser().absolute())
