"""Photos of a URL list, brought here: checked addresses only, bounded, resumable.

`fetch_all` brings URLs into a `Store`; what the network is and how long things may take are
arguments (`Fetching`), so nothing here need meet a real network to be tried.
"""

from limbeck.ingestion.fetching.addresses import refused_address as refused_address
from limbeck.ingestion.fetching.fetch import fetch_all as fetch_all
from limbeck.ingestion.fetching.fetch import settled as settled
from limbeck.ingestion.fetching.network import Network as Network
from limbeck.ingestion.fetching.outcomes import FINAL as FINAL
from limbeck.ingestion.fetching.outcomes import Fate as Fate
from limbeck.ingestion.fetching.settings import Fetching as Fetching
from limbeck.ingestion.fetching.settings import Limits as Limits
from limbeck.ingestion.fetching.store import Kept as Kept
from limbeck.ingestion.fetching.store import Store as Store
from limbeck.ingestion.fetching.store import fetched_bodies as fetched_bodies
from limbeck.ingestion.fetching.store import forget_fetched as forget_fetched
from limbeck.ingestion.fetching.targets import BadUrl as BadUrl
from limbeck.ingestion.fetching.targets import Target as Target
from limbeck.ingestion.fetching.targets import host_of as host_of
from limbeck.ingestion.fetching.targets import one_spelling as one_spelling
from limbeck.ingestion.fetching.targets import target_of as target_of

__all__ = [
    "FINAL",
    "BadUrl",
    "Fate",
    "Fetching",
    "Kept",
    "Limits",
    "Network",
    "Store",
    "Target",
    "fetch_all",
    "fetched_bodies",
    "forget_fetched",
    "host_of",
    "one_spelling",
    "refused_address",
    "settled",
    "target_of",
]
