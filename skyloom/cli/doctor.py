"""`skyloom doctor`: what of this machine a real cloud can use, and what to do about the rest."""

import argparse
import json


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = subparsers.add_parser("doctor", help="show which real parts can run on this machine, and what is missing")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from skyloom.parts import probe

    findings = [*probe.hypervisor(), *probe.network(), *probe.others()]
    if arguments.json:
        print(json.dumps([finding._asdict() for finding in findings]))
        return 0
    for finding in findings:
        print(f"{'yes' if finding.is_there else 'no ':3} {finding.part:12} {finding.remark}")
    return 0
