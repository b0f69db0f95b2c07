"""Prints free ports of 127.0.0.1: python3 deploy/ports.py [MORE]. The first two are neighbours, for the metrics of
two servers; MORE others follow."""

import socket
import sys


def bound(port):
    """A socket that has the port; 0 is any that is free."""
    it = socket.socket()
    it.bind(("127.0.0.1", port))
    return it


def main(more):
    for _ in range(100):
        with bound(0) as first:
            port = first.getsockname()[1]
            try:
                with bound(port + 1):
                    others = [bound(0) for _ in range(more)]
                    print(port, port + 1, *(other.getsockname()[1] for other in others))
                    return
            except (OSError, OverflowError):
                continue
    sys.exit("found no two free ports beside each other")


main(int(sys.argv[1]) if len(sys.argv) == 2 else 0)
