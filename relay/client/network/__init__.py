"""Connections that leave the author's machine, and what is believed of the other side: nothing."""
