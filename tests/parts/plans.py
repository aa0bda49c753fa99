"""The plan that a folder keeps after `skyloom up` with some words, without a cloud."""

import argparse

from skyloom.cli import up
from skyloom.home import Home, Plan


def plan(home: Home, *words: str) -> Plan:
    parser = argparse.ArgumentParser()
    up.add(parser.add_subparsers())
    made = up.plan_of(home, parser.parse_args(["up", *words]))
    home.keep_plan(made)
    return made
