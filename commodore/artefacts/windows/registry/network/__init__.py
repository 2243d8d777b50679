"""Networks, addresses, firewall, and hosts that a user connected to."""
