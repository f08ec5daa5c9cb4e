"""The server of `haechi serve` at a time that stands still, for the demo: its two nodes live on a day of the past.

    python -m haechi.web.standing HOME --port 8585 --at 1773100800000000

No option of `haechi serve` does that: who could set a server's clock could let what has ended count again. It listens on
loopback alone, with TLS, writes its URL once it does, and ends by a signal or when its standard input is closed, so that
it never outlives who began it.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from threading import Thread

from haechi.model.clock import FixedClock
from haechi.node.home import Home
from haechi.web import server
from haechi.web.server import Place


def main() -> None:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(description="Serve a node of the demo at one moment")
    parser.add_argument("home", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--at", type=int, required=True, help="microseconds UTC")
    args = parser.parse_args()
    place = Place(port=args.port, tls=True)

    def started() -> None:
        sys.stdout.write(place.url + "\n")
        sys.stdout.flush()
        Thread(target=_end_with_input, daemon=True).start()

    home = Home.open(args.home, clock=FixedClock(args.at))
    try:
        server.serve(home, place, started=started)
    finally:
        home.close()


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
