"""What network clients reach: the ports, connections and HTTP pages."""
