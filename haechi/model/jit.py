"""The one way to compile a kernel: Numba, without the interpreter lock, cached in a private folder.

Numba's cache files are pickles and don't notice an edit in another file, so they lie in a 0700 folder that is named by
a hash of library versions and of all that kernels are made of (DESIGN.md, "Caches").
"""

import hashlib
import os
import platform
import stat
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic as numba_intrinsic

from haechi.model.errors import NodeCannot

F = TypeVar("F", bound=Callable[..., Any])
Num = Any  # an integer of the width that Numba infers; Python's types can't say it

_PACKAGE = Path(__file__).parent.parent
_ROOMS = ("model", "ingest", "detect")  # where kernels stand, and the constants that they freeze


def cache_folder() -> Path:
    """The folder of this build's compiled kernels, made if need be; NodeCannot if others could write to it."""
    digest = hashlib.sha256()
    for source in sorted(source for room in _ROOMS for source in (_PACKAGE / room).rglob("*.py")):
        digest.update(source.read_bytes())
    for name in ("numba", "llvmlite", "numpy"):
        digest.update(version(name).encode())
    digest.update(platform.python_version().encode())
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "haechi"
    folder = root / f"kernels-{digest.hexdigest()[:16]}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NodeCannot("kernels.foreign", folder=str(folder))
    return folder


numba.config.CACHE_DIR = str(cache_folder())  # before the first decorated function: Numba reads it there


_COMMON: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False, "_nrt": False}
# Parts are never called from Python; without these two, wrappers that unpack all arrays are most of the compile time.
_NO_WRAPPERS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: F) -> F:
    """Compile `function` on first call: no interpreter lock, no bounds checks (the caller's arrays carry padding)."""
    return cast(F, numba.njit(cache=True, no_cfunc_wrapper=True, **_COMMON)(function))


def inlined(function: F) -> F:
    """A kernel's part, inlined where it is called."""
    return cast(F, numba.njit(forceinline=True, **_COMMON, **_NO_WRAPPERS)(function))


def part(function: F) -> F:
    """A kernel's part, called as a function: for the rarer branches, which would only bloat the loop."""
    return cast(F, numba.njit(**_COMMON, **_NO_WRAPPERS)(function))


def intrinsic(function: Callable[..., Any]) -> Any:
    """Numba's, typed: what a caller calls has other arguments than what is decorated."""
    return numba_intrinsic(function)


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any, target: Any) -> Any:
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), target.as_pointer())


@intrinsic
def byte_at(typing_context: Any, array: Any, index: Any) -> Any:
    """byte_at(bytes, i): bytes[i] for an i that is not negative, without Numba's look at its sign."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_pointer(context, builder, signature, arguments, ir.IntType(8)))

    return types.uint8(array, types.int64), generate


@intrinsic
def load64(typing_context: Any, array: Any, index: Any) -> Any:
    """load64(bytes, i): the eight bytes from i as a little-endian uint64, at any alignment."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        loaded = builder.load(_pointer(context, builder, signature, arguments, ir.IntType(64)))
        loaded.align = 1
        return loaded

    return types.uint64(array, types.int64), generate


@intrinsic
def store64(typing_context: Any, array: Any, index: Any, word: Any) -> Any:
    """store64(bytes, i, x): write a uint64 as eight little-endian bytes from i on, at any alignment."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = builder.store(arguments[2], _pointer(context, builder, signature, arguments, ir.IntType(64)))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), generate


def _scanner(lanes: int, equal_to: tuple[int, ...], below: int = 0) -> Any:
    """An intrinsic f(bytes, i): bit k is set where byte i+k is one of `equal_to` or less than `below`."""

    @intrinsic
    def find(typing_context: Any, array: Any, index: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vector = ir.VectorType(ir.IntType(8), lanes)
            loaded = builder.load(_pointer(context, builder, signature, arguments, vector))
            loaded.align = 1
            found = None
            for byte in equal_to:
                mask = builder.icmp_unsigned(
                    "==", loaded, ir.Constant(vector, [ir.Constant(ir.IntType(8), byte)] * lanes)
                )
                found = mask if found is None else builder.or_(found, mask)
            if below:
                mask = builder.icmp_unsigned(
                    "<", loaded, ir.Constant(vector, [ir.Constant(ir.IntType(8), below)] * lanes)
                )
                found = mask if found is None else builder.or_(found, mask)
            bits = builder.bitcast(found, ir.IntType(lanes))
            return bits if lanes == 64 else builder.zext(bits, ir.IntType(64))

        return types.uint64(array, types.int64), generate

    return find


find_string_end = _scanner(32, (34, 92), below=32)  # quote, backslash or a control character
find_newline = _scanner(64, (10,))
find_control = _scanner(64, (), below=32)  # a newline or another control character


@intrinsic
def find_any(typing_context: Any, array: Any, index: Any, one: Any, other: Any) -> Any:
    """find_any(bytes, i, x, y): bit k is set where byte i+k is x or y or a control character; 64 bytes at once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        vector, byte = ir.VectorType(ir.IntType(8), 64), ir.IntType(8)
        loaded = builder.load(_pointer(context, builder, signature, arguments, vector))
        loaded.align = 1
        below = ir.Constant(vector, [ir.Constant(byte, 32)] * 64)
        found = builder.icmp_unsigned("<", loaded, below)
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), 64), [ir.Constant(ir.IntType(32), 0)] * 64)
        for wanted in arguments[2:]:
            one_lane = builder.insert_element(ir.Constant(vector, ir.Undefined), wanted, ir.Constant(ir.IntType(32), 0))
            splat = builder.shuffle_vector(one_lane, ir.Constant(vector, ir.Undefined), zeros)
            found = builder.or_(found, builder.icmp_unsigned("==", loaded, splat))
        return builder.bitcast(found, ir.IntType(64))

    return types.uint64(array, types.int64, types.uint8, types.uint8), generate


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> Any:
    """trailing_zeros(x): the index of the lowest set bit of a uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate
