"""Edges of a directed graph that lie on a circle, in linear time and without recursion, since the graph comes from outside.

Tarjan's strongly connected components ("Depth-first search and linear graph algorithms", 1972): an edge is on a circle
if and only if both its ends are in one component.
"""

from collections.abc import Iterable, Iterator


def in_circles(edges: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The edges that are part of some circle.

    >>> sorted(in_circles([("a", "b"), ("b", "a"), ("b", "c")]))
    [('a', 'b'), ('b', 'a')]
    """
    every = list(dict.fromkeys(edges))
    below: dict[str, list[str]] = {}
    for source, target in every:
        below.setdefault(source, []).append(target)
    component = _components(below)
    return {(s, t) for s, t in every if t in component and component[s] == component[t]}


def _components(below: dict[str, list[str]]) -> dict[str, int]:
    """The component of each node that has an edge out of it or was reached from one."""
    index: dict[str, int] = {}
    lowest: dict[str, int] = {}
    component: dict[str, int] = {}
    open_nodes: list[str] = []
    for root in below:
        if root in index:
            continue
        path: list[tuple[str, Iterator[str]]] = []
        _enter(root, index, lowest, open_nodes, path, below)
        while path:
            node, targets = path[-1]
            for target in targets:
                if target not in index:
                    _enter(target, index, lowest, open_nodes, path, below)
                    break
                if target not in component:
                    lowest[node] = min(lowest[node], index[target])
            else:
                path.pop()
                if path:
                    lowest[path[-1][0]] = min(lowest[path[-1][0]], lowest[node])
                if lowest[node] == index[node]:
                    _close(node, index[node], open_nodes, component)
    return component


def _enter(
    node: str,
    index: dict[str, int],
    lowest: dict[str, int],
    open_nodes: list[str],
    path: list[tuple[str, Iterator[str]]],
    below: dict[str, list[str]],
) -> None:
    index[node] = lowest[node] = len(index)
    open_nodes.append(node)
    path.append((node, iter(below.get(node, ()))))


def _close(node: str, number: int, open_nodes: list[str], component: dict[str, int]) -> None:
    while True:
        member = open_nodes.pop()
        component[member] = number
        if member == node:
            return
