import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haechi.exchange import confirmation, receipt
from haechi.exchange.confirmation import BACKUPS, Confirmation
from haechi.model.errors import HaechiError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def test_a_confirmation_is_signed_and_read_back() -> None:
    said = Confirmation(sender="tw", recipient="kr", seqs=[4, 9], at=7, cannot={BACKUPS: 1})
    word = confirmation.sign(said, KEY)
    assert confirmation.verify(word, KEY.public_key()) == said
    with pytest.raises(HaechiError):
        receipt.verify(word, KEY.public_key())
