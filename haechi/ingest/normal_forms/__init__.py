"""What was read, in one form: times, addresses, names, URLs, digests; and the rules that say what is refused."""
