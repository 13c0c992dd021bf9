"""Which addresses may be connected to: global unicast ones that hide no other address.

The tables are IANA's registries of special-purpose addresses (RFC 6890 and its updates), held here
because what Python's `is_global` knows differs by version; it is asked as well. Blocks that are
reachable and serve no photos (AS112, AMT, relays) are refused too.
"""

import ipaddress

_V4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by carriers (CGNAT)",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "a cloud's own service",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "for protocols",
    "192.0.2.0/24": "for documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "a 6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved or broadcast",
}
_V6 = {
    "2001::/32": "Teredo",
    "2001::/23": "for protocols",
    "2001:db8::/32": "for documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "for documentation",
}
_SPECIAL4 = [(ipaddress.IPv4Network(block), what) for block, what in _V4.items()]
_SPECIAL6 = [(ipaddress.IPv6Network(block), what) for block, what in _V6.items()]
_UNICAST6 = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def refused_address(text: str) -> str:
    """Why no connection is made to an address; empty for a global unicast one.

    Of IPv6 only 2000::/3 counts as such, without Teredo, 6to4 and the rest of the registry; so
    mapped and compatible addresses fall out. What NAT64 (64:ff9b::/96) embeds is judged itself:
    networks without IPv4 reach the whole Internet by it.

    Args:
        text: an address as a resolver gives it; a zone (`%eth0`) makes it local.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return f"{text} is no address"
    if isinstance(address, ipaddress.IPv4Address):
        return _judged4(address)
    if address.scope_id is not None:
        return f"{text} is local to one network"
    if address in _NAT64:
        return _judged4(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    what = next((what for block, what in _SPECIAL6 if address in block), "")
    if not what and (address not in _UNICAST6 or not address.is_global):
        what = "not global"
    return f"{address} is {what}" if what else ""


def _judged4(address: ipaddress.IPv4Address) -> str:
    what = next((what for block, what in _SPECIAL4 if address in block), "")
    if not what and not address.is_global:
        what = "not global"
    return f"{address} is {what}" if what else ""
