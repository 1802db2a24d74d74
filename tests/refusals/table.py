"""The table of refusals: all cases, in the order in which tests/refusals.md shows them. Add a case where it belongs."""

from tests.refusals.case import Case
from tests.refusals.connections import CONNECTIONS
from tests.refusals.events import EVENTS
from tests.refusals.forms import FORMS
from tests.refusals.payments import PAYMENTS
from tests.refusals.posts import POSTS
from tests.refusals.queries import QUERIES
from tests.refusals.rings import RINGS

TABLE: dict[str, list[Case]] = {
    "Any event": EVENTS,
    "Ring notes": RINGS,
    "Message-only ring signatures": FORMS,
    "Paths with a price": PAYMENTS,
    "REQ, COUNT and other frames": QUERIES,
    "Posting by a form": POSTS,
    "Connections": CONNECTIONS,
}
CASES = [case for cases in TABLE.values() for case in cases]
