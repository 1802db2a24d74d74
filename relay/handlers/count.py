"""A COUNT (NIP-45): how many stored notes match, or how many ring members answered."""

from functools import partial

from relay.handlers.context import Client, Services
from relay.protocol.filter import Filter, with_min_price
from relay.protocol.messages import Count, encode_closed, encode_count
from relay.protocol.refusal import Rejected
from relay.storage.answer_count import check_answers_alone


async def handle_count(message: Count, client: Client, services: Services) -> None:
    """Answer in a task; above `max_count` the answer is marked approximate."""
    query_id = message.subscription_id
    refuse = partial(refuse_count, query_id, client=client, services=services)
    try:
        filters = with_min_price(message.filters, client.find_tier().min_price_msat)
        client.session.check_req_rate(client.now_s)
        check_answers_alone(filters)
        client.session.check_can_count(filters, client.queries_under_way)
    except Rejected as rejected:
        refuse(str(rejected))
        return
    client.start_query(partial(_answer_count, query_id, filters, client, services), refuse)


def refuse_count(query_id: str, text: str, client: Client, services: Services) -> None:
    """Answer with CLOSED (NIP-45). A REQ of the same id stays open: it is another query."""
    client.outbox.send(encode_closed(query_id, text))


async def _answer_count(query_id: str, filters: tuple[Filter, ...], client: Client, services: Services) -> None:
    counted = await services.reader.count(filters, services.limits.max_count, services.now())
    client.outbox.send(encode_count(query_id, counted))
