"""Loaded by every Python process that has this folder on its path: writes down whom the process tries to reach, and
lets it reach nobody but this machine."""

import os
import sys

_PLACES = {
    "socket.connect": lambda sock, place: place,
    "socket.sendto": lambda sock, place: place,
    "socket.sendmsg": lambda sock, place: place,
    "socket.getaddrinfo": lambda host, port, *rest: (host, port),
    "socket.gethostbyname": lambda host: (host, 0),
}
_HERE = (None, "", "127.0.0.1", "::1", "localhost")


def _watch(event: str, arguments: tuple) -> None:
    if event not in _PLACES:
        return
    place = _PLACES[event](*arguments)
    if place is None or isinstance(place, (str, bytes)):
        return  # connected already, or a socket in the file system
    host = place[0].decode() if isinstance(place[0], bytes) else place[0]
    with open(os.environ["DP2VL_TEST_REACHED"], "a") as file:  # noqa: PTH123
        file.write(f"{'allowed' if host in _HERE else 'refused'} {place!r}\n")
    if host not in _HERE:
        raise ConnectionRefusedError(f"a test tried to reach {place!r}")


if os.environ.get("DP2VL_TEST_REACHED"):
    sys.addaudithook(_watch)
