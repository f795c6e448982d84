"""Where the data stages' maps run: on this machine, or on a Ray cluster."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from src.errors import UserError
from src.params import Engine

WITHOUT_RAY = (
    "engine.kind = 'ray' needs Ray: `pip install -r requirements-scale.txt`, or set it to local"
)
TIMEOUT_S = 10  # for a cluster to answer
NO_TELEMETRY = {"RAY_USAGE_STATS_ENABLED": "0"}  # otherwise Ray reports each cluster to its makers
# A cluster of this machine alone must not be reachable from outside. Ray binds to the loopback
# address only if it believes that the system supports no real cluster.
LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


@contextmanager
def connect(engine: Engine, resume: bool = False) -> Iterator[None]:
    """Run the block's maps and actors where `engine` says.

    Args:
        engine: The section `engine` of params.yaml.
        resume: Let a map start from the results of one that was killed. Only for maps whose results
            depend on code and items alone.

    Raises:
        UserError: Ray is not installed, or the cluster does not answer or breaks down.
    """
    if engine.kind == "local":
        yield
        return
    os.environ |= NO_TELEMETRY
    if not engine.address or engine.address.startswith(("127.0.0.1:", "localhost:")):
        os.environ |= LOOPBACK_ONLY
    try:
        from src.parallel.ray import cluster  # imported late: Ray is an optional requirement
    except ImportError:
        raise UserError(WITHOUT_RAY) from None
    if engine.address:
        _require_answer(engine.address)  # Ray itself would try for minutes
    with cluster(engine, resume):
        yield


def require_address(address: str) -> None:
    """Raise UserError if a cluster's address is neither empty nor host:port."""
    host, _, port = address.rpartition(":")
    if address and not (host and port.isdigit()):
        raise UserError(f"engine.address = {address!r}: expected host:port")


def _require_answer(address: str) -> None:
    require_address(address)
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), TIMEOUT_S).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"engine.address = {address!r}: no Ray there: {error}") from None
