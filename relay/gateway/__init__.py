"""Everything that a network client reaches: the ports, connections, HTTP pages."""
