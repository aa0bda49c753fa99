"""The `skyloom` command. Nothing heavy is imported before a verb is known: `skyloom --help` answers at once."""

import argparse
import sys
from collections.abc import Sequence

from skyloom import __version__
from skyloom.errors import SkyloomError


def main(arguments: Sequence[str] | None = None) -> int:
    from skyloom.cli import conformance, doctor, down, identity, image, policy, status, up

    parser = argparse.ArgumentParser(
        prog="skyloom", description="An infrastructure cloud that speaks the OpenStack APIs."
    )
    parser.add_argument("--version", action="version", version=f"skyloom {__version__}")
    verbs = parser.add_subparsers(metavar="VERB", required=True)
    for module in (up, down, status, doctor, identity, policy, image, conformance):
        module.add(verbs)
    chosen = parser.parse_args(arguments)
    try:
        return int(chosen.run(chosen))
    except SkyloomError as error:
        print(f"skyloom: {error.sentence}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
