"""What a person decides about fetching, and the limits that nobody need change."""

from dataclasses import dataclass, field
from pathlib import Path

from limbeck.ingestion.fetching.network import Network
from limbeck.percept import cache_folder


@dataclass(frozen=True)
class Limits:
    """How much and how long; seconds and bytes.

    Attributes:
        connect: seconds to resolve, connect and shake hands.
        attempt: seconds for an attempt in all, redirects and body included.
        body: bytes of a body, as sent and as unpacked.
        head: bytes of status line and headers, and again of the frames and trailers of a body.
        headers: how many headers.
        redirects: in a row.
        retries: after a first attempt.
        backoff: seconds before the first retry, doubled for each further one.
        rest: seconds that a host may ask to wait (Retry-After); it that asks for more is left
            alone until the next call.
        names: seconds for which a resolved and checked name stays so.
        at_once: connections in all.
        per_host: connections to one host.
        dead: failures to connect in a row after which a host is given up for this call.
        remembered: days for which a failure for good is believed.
    """

    connect: float = 10.0
    attempt: float = 30.0
    body: int = 64 * 10**6
    head: int = 32 * 2**10
    headers: int = 100
    redirects: int = 5
    retries: int = 3
    backoff: float = 1.0
    rest: float = 120.0
    names: float = 60.0
    at_once: int = 32
    per_host: int = 4
    dead: int = 8
    remembered: float = 30.0


@dataclass(frozen=True)
class Fetching:
    """How photos of a URL list are brought here.

    Attributes:
        folder: where they are kept; None = `fetched` in limbeck's cache (LIMBECK_CACHE).
        ports: allowed besides 80 and 443.
        seed: of the jitter between retries.
        limits: see `Limits`.
        network: how names are resolved and connections made.
    """

    folder: Path | None = None
    ports: tuple[int, ...] = ()
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    network: Network = field(default_factory=Network)

    @property
    def home(self) -> Path:
        """The folder, decided."""
        return self.folder if self.folder is not None else cache_folder() / "fetched"

    def port_refused(self, port: int) -> str:
        """Why a port is not connected to; empty if it is."""
        if port in (80, 443, *self.ports):
            return ""
        return f"port {port} is neither 80 nor 443 (--fetch-port {port} allows it)"
