"""Addresses: only global unicast ones, by IANA's registries and whatever they hide."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.ingestion.fetching import BadUrl, refused_address, target_of

# IANA's special-purpose registries (2025), multicast, and what neither routes.
SPECIAL = [
    "0.0.0.0/8", "0.0.0.0/32", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
    "172.16.0.0/12", "192.0.0.0/24", "192.0.0.0/29", "192.0.0.8/32", "192.0.0.9/32",
    "192.0.0.10/32", "192.0.0.170/32", "192.0.0.171/32", "192.0.2.0/24", "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",
    "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/4",
    "::1/128", "::/128", "::ffff:0:0/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64",
    "2001::/23", "2001::/32", "2001:1::1/128", "2001:1::2/128", "2001:1::3/128", "2001:2::/48",
    "2001:3::/32", "2001:4:112::/48", "2001:10::/28", "2001:20::/28", "2001:30::/28",
    "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7",
    "fe80::/10", "fec0::/10", "ff00::/8", "::/96", "4000::/2", "8000::/1",
]  # fmt: skip


def inside(block: str) -> st.SearchStrategy[str]:
    net = ipaddress.ip_network(block)
    return st.integers(int(net[0]), int(net[-1])).map(lambda n: str(type(net[0])(n)))


@given(st.sampled_from(SPECIAL).flatmap(inside))
def test_no_address_of_a_special_block_is_let_through(address: str) -> None:
    assert refused_address(address)


@given(st.sampled_from([b for b in SPECIAL if ":" not in b]).flatmap(inside))
def test_nor_one_that_another_hides(hidden: str) -> None:
    four = int(ipaddress.IPv4Address(hidden))
    for number in (
        four,
        0xFFFF << 32 | four,
        0x64FF9B << 96 | four,
        0x2002 << 112 | four << 80,
        0x20010000 << 96 | (four ^ 0xFFFFFFFF),
        0xFFFF << 48 | four,
    ):  # compatible, mapped, NAT64, 6to4, Teredo, translated
        assert refused_address(str(ipaddress.IPv6Address(number))), number
    assert refused_address(f"{hidden}%eth0")


@given(st.ip_addresses())
def test_what_is_let_through_is_global_to_python_too(address: ipaddress._BaseAddress) -> None:
    if not refused_address(str(address)):
        assert address.is_global or address in ipaddress.ip_network("64:ff9b::/96")
        assert not address.is_multicast
        assert not address.is_reserved or address in ipaddress.ip_network("64:ff9b::/96")


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "1.1.1.1", "223.255.255.255", "2606:4700::1111", "64:ff9b::101:101"],
)
def test_global_ones_are(address: str) -> None:
    assert refused_address(address) == ""


@pytest.mark.parametrize("text", ["", "localhost", "1.2.3", "fe80::1%1", "2606:4700::1%eth0"])
def test_what_is_no_address_is_refused(text: str) -> None:
    assert refused_address(text)


@given(st.integers(0, 2**32 - 1), st.sampled_from("dxo"), st.integers(1, 3))
def test_addresses_in_odd_forms_are_never_taken(number: int, form: str, parts: int) -> None:
    """What the C library would read as an address is one in its plain form, or none to us."""
    rest = 8 * (5 - parts)
    fields = [number >> (24 - 8 * n) & 255 for n in range(parts - 1)]
    fields.append(number & (2**rest - 1))
    spell = {"d": "{}", "x": "{:#x}", "o": "0{:o}"}[form]
    text = ".".join(spell.format(field) for field in fields)
    assert len(socket.inet_aton(text)) == 4
    with pytest.raises(BadUrl, match="odd form"):
        target_of(f"http://{text}/")


@given(
    st.text(max_size=60), st.sampled_from(["http://", "https://", "", "//", "http:/", "http://a@"])
)
def test_any_text_is_a_target_or_a_bad_url(text: str, start: str) -> None:
    try:
        target = target_of(start + text)
    except BadUrl:
        return
    assert target.url.isascii()
    assert target.url.isprintable()
    assert not {" ", "\\", "#"} & set(target.url)
    assert not {"@", "%"} & set(target.host)
    assert target_of(target.url) == target


@given(st.text(max_size=40))
def test_any_redirect_is_a_target_or_a_bad_url(location: str) -> None:
    base = target_of("http://good.example/a/b?c")
    try:
        target = base.joined(location)
    except BadUrl:
        return
    assert target_of(target.url) == target
