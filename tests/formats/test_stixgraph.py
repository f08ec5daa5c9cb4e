from hypothesis import given
from hypothesis import strategies as st

from haechi.formats.stixgraph import in_circles

NODES = st.sampled_from("abcdef")


def reached(edges: set[tuple[str, str]], start: str) -> set[str]:
    """The slow, obvious way."""
    found, todo = set[str](), [start]
    while todo:
        node = todo.pop()
        for source, target in edges:
            if source == node and target not in found:
                found.add(target)
                todo.append(target)
    return found


@given(st.sets(st.tuples(NODES, NODES)))
def test_an_edge_is_on_a_circle_if_its_end_leads_back(edges: set[tuple[str, str]]) -> None:
    assert in_circles(edges) == {(s, t) for s, t in edges if s == t or s in reached(edges, t)}


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = [(str(n), str(n + 1)) for n in range(100_000)]
    assert in_circles(chain) == set()
    assert len(in_circles([*chain, ("100000", "0")])) == 100_001
