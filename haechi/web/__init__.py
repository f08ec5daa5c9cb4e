"""HTTP: what comes in is turned into messages, what the protocols answer is sent back. It knows no protocol itself."""
