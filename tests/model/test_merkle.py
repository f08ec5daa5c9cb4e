import json
import tarfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.merkle import (
    EMPTY,
    HASH,
    Tree,
    consistency_holds,
    consistency_proof,
    inclusion_holds,
    leaf_hash,
    leaf_of,
    node_hash,
    root_of,
)


def mth(leaves: list[bytes]) -> bytes:
    """The definition in RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return EMPTY
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(mth(leaves[:split]), mth(leaves[split:]))


def cases(real_data: Path, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The published cases of one kind."""
    with tarfile.open(real_data / "vectors/merkle/testdata.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if f"/{kind}/" in member.name and member.name.endswith(".json") else None
            if file is not None:
                yield member.name, json.load(file)


def decoded(value: str | None) -> bytes:
    return b64decode(value or "")


def test_published_inclusion_proofs(real_data: Path) -> None:
    seen = 0
    for name, case in cases(real_data, "inclusion"):
        proof = [decoded(step) for step in case["proof"] or ()]
        holds = inclusion_holds(
            case["leafIdx"], case["treeSize"], decoded(case["leafHash"]), proof, decoded(case["root"])
        )
        assert holds is not case["wantErr"], name
        seen += 1
    assert seen > 50


def test_published_consistency_proofs(real_data: Path) -> None:
    seen = 0
    for name, case in cases(real_data, "consistency"):
        proof = [decoded(step) for step in case["proof"] or ()]
        holds = consistency_holds(case["size1"], case["size2"], decoded(case["root1"]), decoded(case["root2"]), proof)
        assert holds is not case["wantErr"], name
        seen += 1
    assert seen > 50


@given(st.lists(st.binary(max_size=3), max_size=40), st.data())
def test_a_tree_that_grows_has_the_root_of_the_definition(leaves: list[bytes], data: st.DataObject) -> None:
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
        tree = Tree(tree.size, tree.frontier)  # as stored and read again
    assert tree.root() == mth(leaves) == root_of(leaves)
    if len(leaves) > 1:
        first = data.draw(st.integers(1, len(leaves)))
        proof = consistency_proof(first, leaves)
        assert consistency_holds(first, len(leaves), mth(leaves[:first]), mth(leaves), proof)
        assert not consistency_holds(first, len(leaves), mth([b"other", *leaves[1:first]]), mth(leaves), proof)


def test_a_frontier_that_fits_no_tree_is_refused() -> None:
    with pytest.raises(ValueError, match="a tree of 3 leaves has a frontier of 2 hashes"):
        Tree(3, b"\0" * HASH)


def test_the_salt_hides_the_digest() -> None:
    assert leaf_of(b"a" * 32, b"d" * 32) != leaf_of(b"b" * 32, b"d" * 32)
