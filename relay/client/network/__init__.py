"""Connections that leave the author's machine. Nothing that the other side sends is trusted."""
