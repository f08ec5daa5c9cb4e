"""The plan: real actors' ids, harmless values, the same at both sides, some hours apart."""

import ipaddress

import pytest

from haechi.demo.matrix import squeeze, table
from haechi.demo.plan import (
    campaign_values,
    extend,
    known_hours,
    load_plan,
    mistaken_values,
    plan_events,
    shared_hours,
)
from haechi.demo.shape import HOUR
from haechi.demo.world import KOREA, SIDES, TAIWAN
from haechi.model.indicator import ValueType
from haechi.model.normal import normalise
from haechi.model.party import SECTORS

PLAN = load_plan()


def test_actors_have_a_source_and_campaigns_name_actors_and_sectors_that_exist():
    assert all(a.source == f"https://attack.mitre.org/groups/{a.id}/" for a in PLAN.actor.values())
    for campaign in PLAN.campaign:
        assert (campaign.actor in PLAN.actor) == (campaign.kind != "unknown")
        assert set(campaign.sectors) <= set(SECTORS)
    kinds = [campaign.kind for campaign in PLAN.campaign]
    assert kinds.count("unknown") == 1
    assert kinds.count("false-flag") == 1


def test_values_are_normal_and_reach_nobody():
    reserved = [ipaddress.ip_network(n) for n in ("192.52.193.0/24", "192.31.196.0/24", "192.175.48.0/24", "3fff::/20")]
    for values in campaign_values(PLAN, 7).values():
        for value in values:
            assert normalise(ValueType(value.type), value.text) == value.text
            if value.type in ("ipv4", "ipv6"):
                host = ipaddress.ip_address(value.text)
                assert any(host in net for net in reserved if net.version == host.version)
            if value.type in ("domain", "url"):
                name = value.text.removeprefix("http://").split("/")[0]
                assert name.endswith((".test", ".invalid"))


def test_campaigns_share_nothing_but_what_the_false_flag_borrows():
    values = campaign_values(PLAN, 7)
    borrowed = set(values["false-flag"]) & (set(values["login-harvest"]) | set(values["usb-courier"]))
    assert {value.type for value in borrowed} == {"domain", "sha256"}
    seen = [value for id_, found in values.items() if id_ != "false-flag" for value in found]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("side", [TAIWAN, KOREA])
def test_events_lie_in_the_campaigns_hours_and_use_every_value(side):
    planned = plan_events(PLAN, side, 7, 0.01)
    assert [event.at for event in planned] == sorted(event.at for event in planned)
    values = campaign_values(PLAN, 7)
    for campaign in PLAN.campaign:
        mine = [event for event in planned if event.campaign == campaign.id]
        assert {value for event in mine for value in event.values} == set(values[campaign.id])
        start = campaign.hits[side.country] * HOUR
        assert all(start <= event.at < start + campaign.hours * HOUR for event in mine)


def test_one_side_is_hit_hours_before_the_other():
    assert all(abs(c.hits["TW"] - c.hits["KR"]) >= 4 for c in PLAN.campaign)


def test_another_seed_gives_other_values_and_the_same_seed_the_same():
    assert campaign_values(PLAN, 7) == campaign_values(PLAN, 7)
    assert not set(campaign_values(PLAN, 7)["unknown-one"]) & set(campaign_values(PLAN, 8)["unknown-one"])


def test_a_borrowed_value_is_known_as_soon_as_one_list_names_it():
    values = campaign_values(PLAN, 7)
    lent = set(values["false-flag"]) & set(values["login-harvest"])
    hours = {country: known_hours(PLAN, values, country) for country in SIDES}
    assert {hours["TW"][value] for value in lent} == {18}
    assert {hours["KR"][value] for value in lent} == {0}
    assert all(value not in hours["TW"] for value in values["unknown-one"])


def test_extended_tables_keep_the_clean_rows_and_find_the_planned_ones():
    planned = plan_events(PLAN, TAIWAN, 7, 0.001)
    names = ("remote", "remote4", "domain", "path", "sha256", "md5", "ja3", "cert")
    clean = {name: table([b"x", b"yy"]) for name in names}
    tables, rows = extend(clean, planned)
    assert all(squeeze(tables[name][:2]) == b"xyy" for name in names)
    for event in planned:
        for slot, texts in event.slots.items():
            name = {"file": "sha256", "answer": "remote4"}.get(slot, slot)
            assert squeeze(tables[name][rows[slot, texts[0]]]) == texts[0]


def test_what_is_shared_comes_when_the_sharer_knows_it():
    plan = load_plan()
    values = campaign_values(plan, 7)
    assert shared_hours(plan, values, "TW") == {}
    assert set(shared_hours(plan, values, "KR")) == set(values["supplier-update"])
    assert set(shared_hours(plan, values, "KR").values()) == {6}


def test_mistakes_are_names_of_no_campaign():
    plan = load_plan()
    named = {value for values in campaign_values(plan, 7).values() for value in values}
    [wrong] = mistaken_values(plan, 7)["supplier-update"]
    assert wrong.type == "domain"
    assert wrong not in named
