"""TAXII 2.1 (OASIS Standard, 10 June 2021), the server's side: requests in, answers out, no sockets."""
