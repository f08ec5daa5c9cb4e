"""Grants and groups of a node, with their entries in the audit log."""

from pathlib import Path

import pytest

from haechi.model.errors import NotFound, UsageError
from haechi.model.marking import Tlp
from haechi.node import granting
from tests.node.giving import NOW, Giver


def test_a_rule_is_looked_at_before_it_is_made(tmp_path: Path) -> None:
    node = Giver(tmp_path)
    kr = node.recipient()
    rule = granting.rule(node.home, kr.name, up_to=Tlp.GREEN, types=["indicator"])
    assert (rule.recipient, rule.approved, rule.begins) == (kr.uuid, True, NOW)
    assert granting.every(node.home) == []
    granting.add(node.home, rule)
    ((row, name),) = granting.every(node.home)
    assert (row.grant, name) == (rule, kr.name)
    assert granting.named(node.home, rule) == [kr.uuid]
    granting.withdraw(node.home, rule.id)
    actions = [entry.action for entry in node.home.audit().entries()]
    assert actions[-2:] == ["grant.add", "grant.withdraw"]
    node.home.close()


def test_red_and_spans_and_names_are_checked(tmp_path: Path) -> None:
    node = Giver(tmp_path)
    kr = node.recipient()
    with pytest.raises(UsageError, match="named objects only"):
        granting.rule(node.home, kr.name, up_to=Tlp.RED)
    with pytest.raises(UsageError, match="ends before it begins"):
        granting.rule(node.home, kr.name, ends=NOW)
    with pytest.raises(NotFound, match="no recipient's name"):
        granting.add_group(node.home, "g", ["nobody"])
    node.home.close()
