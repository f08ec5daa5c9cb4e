"""An exchange in which all holds, made by hand."""

from haechi.demo.exchange import Exchange
from haechi.demo.report import Began, Ended, Receipt, Stayed


def receipt(country: str, direction: str, collection: str, root: str, agreed: bool | None = True) -> Receipt:
    return Receipt(country=country, direction=direction, collection=collection, rows=3, root=root * 32, agreed=agreed)


BEGAN = Began(
    code="12345 67890",
    left={"indicator": 11, "relationship": 11},
    stayed=(Stayed(marking="TLP:AMBER", reason="TLP:AMBER doesn't let it go to community", count=56),),
    received=30,
    refused=0,
    agreed=True,
    seconds=1.0,
)
ENDED = Ended(
    sightings=12,
    events=10,
    indicators=9,
    sectors={"semiconductor": 8, "": 4},
    evidence=("sighting--1-2-3",),
    source="TW-cert",
    back=24,
    words={"KR, semiconductor": 6, "KR": 4},
    named=0,
    withdrawn=2,
    confirmed=2,
    unconfirmed=0,
    mistaken=1,
    still_known=0,
    receipts=(
        receipt("TW", "sent", "indicators", "aa"),
        receipt("KR", "received", "indicators", "aa"),
        receipt("KR", "sent", "sightings", "bb"),
        receipt("TW", "received", "sightings", "bb"),
    ),
    seconds=2.0,
)
EXCHANGE = Exchange(giver="TW", taker="KR", began=BEGAN, ended=ENDED, faults=())
