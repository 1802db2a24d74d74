"""What network clients reach: the ports, connections and the info document."""
