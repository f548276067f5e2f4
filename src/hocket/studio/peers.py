"""Whose program is at the other end of a loopback connection, where the system tells.

Loopback is open to every user of a machine. Linux lists its sockets with their owners, so that
others can be told apart without a password; elsewhere docs/studio.md says to set one.

Source: proc(5), /proc/net/tcp.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path

_TABLES = {4: Path("/proc/net/tcp"), 6: Path("/proc/net/tcp6")}


def is_foreign(client: tuple[str, int] | None) -> bool:
    """Whether a connection from an address and port is of another user, neither us nor root."""
    if client is None or not hasattr(os, "getuid"):
        return False
    owner = owner_of(*client)
    return owner is not None and owner not in (os.getuid(), 0)


def owner_of(host: str, port: int) -> int | None:
    """Return the number of the user who holds the socket with a local address; None if unknown."""
    try:
        address = ipaddress.ip_address(host)
        packed = address.packed
        wanted = "".join(  # words of four bytes, each written as this machine keeps it
            f"{int.from_bytes(packed[i : i + 4], sys.byteorder):08x}"
            for i in range(0, len(packed), 4)
        )
        end = f"{wanted}:{port:04x}".upper()
        for line in _TABLES[address.version].read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == end:
                return int(fields[7])
    except (OSError, ValueError, LookupError):
        pass
    return None
