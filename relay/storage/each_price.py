"""Select notes that were paid for price by price. In an index whose key ends with the price and the time, those of one price lie
together, newest first. Of prices there are few: those that the operator's tiers have or had.

To look at all paid notes for those of a higher price read every note of the cheaper tiers.
"""

from relay.storage.conditions import Arguments, Table


def lead_by_price(table: Table, min_price_msat: int, arguments: Arguments) -> tuple[str, str]:
    """Return the key of a scan of the notes of one price, and the list of all prices from the lowest one on that is read.

    Each price is looked up from the one before it.
    """
    lowest = arguments.add(min_price_msat, "bigint")
    after = "ORDER BY n.price_paid_msat LIMIT 1"
    prices = f"""(
        WITH RECURSIVE price AS (
            (SELECT n.price_paid_msat FROM notes n WHERE n.price_paid_msat >= {lowest} {after})
            UNION ALL
            SELECT higher.price_paid_msat FROM price p CROSS JOIN LATERAL (
                SELECT n.price_paid_msat FROM notes n WHERE n.price_paid_msat > p.price_paid_msat {after}
            ) higher
        )
        SELECT price_paid_msat FROM price
    ) AS price_list"""
    return f"{table.alias}.price_paid_msat = price_list.price_paid_msat", prices
