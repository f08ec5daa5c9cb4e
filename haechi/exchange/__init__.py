"""Floor 3: what leaves a node and what comes in: TAXII, sync, receipts, signatures, as messages in and messages out."""
