"""Every kind of value has a record that carries it, and the record has the slot."""

from haechi.demo.carriers import CARRIERS, SLOT_TABLES
from haechi.demo.layouts.every import logs
from haechi.demo.matrix import slots
from haechi.demo.plan import load_plan
from haechi.demo.world import SIDES

EXAMPLES = {
    "ipv4": "192.52.193.9",
    "ipv6": "3fff:d00:1::10",
    "domain": "bad.test",
    "url": "http://bad.test/u/1.php",
    "sha256": "ab" * 32,
    "md5": "ab" * 16,
    "ja3": "ab" * 16,
    "cert": "ab" * 20,
}


def test_carriers_name_records_that_have_their_slots():
    for side in SIDES.values():
        layouts = {(log.name, record.name): slots(record.layout) for log in logs(side) for record in log.records}
        for kind, carriers in CARRIERS.items():
            for carrier in carriers:
                if side.country in carrier.sides:
                    for slot, texts in carrier.texts(EXAMPLES[kind], 1).items():
                        assert slot in layouts[carrier.log, carrier.record]
                        assert len(texts) == len(SLOT_TABLES[slot])


def test_every_kind_of_the_plan_has_a_carrier():
    assert {kind for campaign in load_plan().campaign for kind in campaign.values} <= set(CARRIERS)


def test_a_url_is_written_as_host_and_path_and_a_name_also_below_itself():
    (carrier, _) = CARRIERS["url"]
    assert carrier.texts("http://bad.test/u/1.php", 0) == {"domain": (b"bad.test",), "path": (b"/u/1.php",)}
    assert {CARRIERS["domain"][0].texts("bad.test", n)["domain"][0] for n in range(4)} == {
        b"bad.test",
        b"www.bad.test",
        b"mail.bad.test",
    }
