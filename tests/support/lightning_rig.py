"""What the suite of the Lightning backends needs of a node, a stub's or a real one's."""

from typing import Protocol

from relay.pricing.settings import LightningSection


class LightningRig(Protocol):
    """Run a node, pay what it is owed, and let it go down and come up again with all that it knew."""

    # As the secret, well formed, of somebody who is not let in.
    wrong_secret: str
    # The node forgets an invoice on demand, so that it can never be paid any more.
    cancels: bool
    # And says of it afterwards that it is gone, not that it is unknown.
    keeps_cancelled: bool
    # The node tells of payments; and of those before the connection too, from a cursor on.
    streams: bool
    replays: bool
    # The node tells how much arrived where that is more than was asked.
    tells_overpayment: bool
    # The node finds the invoice that it made for a reference.
    remembers: bool

    @property
    def section(self) -> LightningSection:
        """Return how the relay connects to the node, whole: `open_backend(rig.section)` must work."""

    async def pay(self, bolt11: str, more_msat: int = 0) -> None:
        """Pay an invoice, or more than it asks for; return once the payer knows that it is paid. Raises where refused."""

    async def stop(self) -> None:
        """Take the node down, so that nothing listens where it was."""

    async def start(self) -> None:
        """Bring it up again, where it was, with the same certificate and secret."""
