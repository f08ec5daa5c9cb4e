"""Addresses against Python's ipaddress, in and out."""

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.address_kernel import parse_ipv4, parse_ipv6, write_ipv4, write_ipv6
from haechi.model.jit import Num, kernel


# A kernel's parts are made for kernels: Python can't call them.
@kernel
def _ipv4(buf: Num, n: Num) -> Num:
    return parse_ipv4(buf, np.int64(0), n)


@kernel
def _ipv6(buf: Num, n: Num) -> Num:
    return parse_ipv6(buf, np.int64(0), n)


@kernel
def _out4(out: Num, value: Num) -> Num:
    return write_ipv4(out, np.int64(0), value)


@kernel
def _out6(out: Num, high: Num, low: Num) -> Num:
    return write_ipv6(out, np.int64(0), high, low)


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode() + bytes(64), np.uint8).copy()


def _read4(text: str) -> int | None:
    ok, value = _ipv4(_bytes(text), len(text.encode()))
    return int(value) if ok else None


def _read6(text: str) -> int | None:
    ok, high, low = _ipv6(_bytes(text), len(text.encode()))
    return (int(high) << 64 | int(low)) if ok else None


def _reference(kind: type[ipaddress.IPv4Address] | type[ipaddress.IPv6Address], text: str) -> int | None:
    try:
        return int(kind(text.partition("%")[0] if kind is ipaddress.IPv6Address else text))
    except ValueError:
        return None


@given(st.one_of(st.ip_addresses(v=4).map(str), st.text("0123456789.", max_size=17)))
def test_ipv4(text: str) -> None:
    assert _read4(text) == _reference(ipaddress.IPv4Address, text)


@given(
    st.one_of(
        st.ip_addresses(v=6).map(str),
        st.ip_addresses(v=6).map(lambda a: a.exploded),
        st.text("0123456789abcdefABCDEF:.", max_size=45),
        st.lists(st.sampled_from(["", "0", "1", "ffff", "12345", "0db8", "1.2.3.4"]), max_size=9).map(":".join),
        st.tuples(
            st.lists(st.sampled_from(["0", "a", "ffff"]), max_size=7),
            st.lists(st.sampled_from(["0", "a", "1.2.3.4"]), max_size=7),
        ).map(lambda parts: ":".join(parts[0]) + "::" + ":".join(parts[1])),
    )
)
def test_ipv6(text: str) -> None:
    assert _read6(text) == _reference(ipaddress.IPv6Address, text)


@pytest.mark.parametrize("text", ["fe80::1%eth0", "fe80::1%25"])
def test_a_zone_id_is_left_aside(text: str) -> None:
    assert _read6(text) == int(ipaddress.IPv6Address("fe80::1"))


@given(st.integers(0, 2**32 - 1))
def test_ipv4_out(value: int) -> None:
    out = np.zeros(64, np.uint8)
    assert out[: _out4(out, np.uint64(value))].tobytes().decode() == str(ipaddress.IPv4Address(value))


@given(st.one_of(st.integers(0, 2**128 - 1), st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
    lambda groups: sum(g << (16 * k) for k, g in enumerate(groups)))))  # fmt: skip
def test_ipv6_out(value: int) -> None:
    out = np.zeros(64, np.uint8)
    end = _out6(out, np.uint64(value >> 64), np.uint64(value & (2**64 - 1)))
    text = out[:end].tobytes().decode()
    assert ipaddress.IPv6Address(text) == ipaddress.IPv6Address(value)
    if value >> 32 != 0xFFFF:  # Python writes IPv4 in IPv6 with dots since 3.13
        assert text == str(ipaddress.IPv6Address(value))
