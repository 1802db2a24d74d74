"""Every limit and acceptance rule with its default. Configuration, rules and info document all read these."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
NonNegativeSeconds = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A section of the configuration file. Unknown keys are refused, and values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Limits(Section):
    """The limits of what one client can ask for. If `max_age_s` is 0, events may be of any age."""

    max_message_bytes: Annotated[int, Field(ge=1024)] = 262_144
    max_content_chars: Count = 100_000
    max_tags: Count = 2_000
    max_ahead_s: Annotated[int, Field(ge=0)] = 900
    max_age_s: Annotated[int, Field(ge=0)] = 0
    max_subscriptions: Count = 20
    max_filters: Count = 10
    max_filter_values: Count = 2_000
    max_filter_letters: Annotated[int, Field(ge=1, le=52)] = 5
    max_search_terms: Count = 10
    max_open_values: Count = 20_000
    max_subscription_id_chars: Annotated[int, Field(ge=1, le=64)] = 64
    default_limit: Count = 500
    max_limit: Count = 1_000
    max_ties: Annotated[int, Field(ge=0)] = 1_000
    max_count: Count = 1_000_000
    query_timeout_s: Annotated[float, Field(ge=0.01, le=3600)] = 2.0
    events_per_s: Annotated[float, Field(gt=0)] = 50.0
    read_bytes_per_s: Annotated[float, Field(ge=16_384)] = 1_048_576.0
    ring_links_per_s: Annotated[float, Field(gt=0)] = 4_000.0
    rows_per_s: Annotated[float, Field(gt=0)] = 2_000.0
    pow_free_rows: Annotated[int, Field(ge=0)] = 1_000
    pow_hashes_per_row: Annotated[int, Field(ge=0, le=2**20)] = 64
    reqs_per_s: Annotated[float, Field(gt=0)] = 20.0
    burst_factor: Annotated[float, Field(ge=1)] = 4.0
    max_events_in_flight: Count = 64
    max_queries_running: Count = 2
    max_pending_bytes: Annotated[int, Field(ge=65_536)] = 8_388_608
    max_connections: Count = 10_000
    max_connections_per_network: Annotated[int, Field(ge=0)] = 200
    max_page_reads_per_minute: Count = 120
    request_timeout_s: Seconds = 10.0
    idle_timeout_s: Seconds = 600.0
    ping_interval_s: Seconds = 30.0
    ping_timeout_s: Seconds = 60.0

    @model_validator(mode="after")
    def _check_limits_agree(self) -> Self:
        if self.default_limit > self.max_limit:
            raise ValueError("default_limit must not be above max_limit")
        return self


class RingPolicy(Section):
    """The rings that are accepted, and their cost: a note with more than `pow_free_links` links needs proof of work.

    Two may be a ring: how much to hide is the author's choice. Linkable rings need `min_size_linkable` members as well as
    `min_size`. If `max_age_message_forms_s` is 0, notes in the message-only forms may be of any age.
    """

    min_size: Annotated[int, Field(ge=2)] = 2
    min_size_linkable: Annotated[int, Field(ge=2)] = 5
    max_size: Annotated[int, Field(ge=2, le=65_535)] = 1_024
    max_size_message_forms: Annotated[int, Field(ge=3, le=65_535)] = 128
    max_age_message_forms_s: Annotated[int, Field(ge=0)] = 604_800
    allow_unscoped_linkable: bool = False
    allow_author_in_ring: bool = False
    pow_free_links: Annotated[int, Field(ge=0)] = 256
    pow_hashes_per_link: Annotated[int, Field(ge=0, le=2**20)] = 64

    @model_validator(mode="after")
    def _check_sizes_agree(self) -> Self:
        if self.min_size > self.max_size:
            raise ValueError("min_size must not be above max_size")
        # min_size is for all rings. Set below it, the other would have no effect, which its operator did not mean.
        if "min_size_linkable" in self.model_fields_set and self.min_size_linkable < self.min_size:
            raise ValueError(
                f"min_size_linkable must not be below min_size, as min_size is for all rings: set {self.min_size} or more, or "
                "leave it out"
            )
        if self.min_size_linkable > self.max_size:
            raise ValueError(
                f"min_size_linkable is {self.min_size_linkable} and must not be above max_size, else no linkable ring would be "
                f"accepted: set {self.max_size} or less"
            )
        return self


class PrivacyPolicy(Section):
    """The interval in which ring notes are published in batches (0: at once), and how many may wait for it.

    A free note that waits costs up to `pow_bits_when_full` bits more, by how many waited for the batch before. At least
    `min_batch` of those that wait stay (0: none do), but none longer than `max_wait_s`. The created_at of a ring note is a
    multiple of `created_at_step_s` in the past (0: any time). At `rewrite_at_hour` (UTC; -1: never) the tables are rewritten, so
    that the order in which notes came is not kept.
    """

    publish_every_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    max_held: Count = 10_000
    max_held_per_connection: Count = 20
    max_held_per_network: Count = 100
    pow_bits_when_full: Annotated[int, Field(ge=0, le=16)] = 8
    min_batch: Annotated[int, Field(ge=0, le=1_000)] = 0
    max_wait_s: Annotated[int, Field(ge=0, le=604_800)] = 3_600
    created_at_step_s: Annotated[int, Field(ge=0, le=604_800)] = 0
    key_dir: Path | None = None
    allow_dated_wal: bool = False
    allow_linkable_payments: bool = False
    rewrite_at_hour: Annotated[int, Field(ge=-1, le=23)] = 3

    @model_validator(mode="after")
    def _check_steps_agree(self) -> Self:
        if self.min_batch and not self.publish_every_s:
            raise ValueError("min_batch needs batches: set publish_every_s, such as 900")
        if self.min_batch and self.max_wait_s < self.publish_every_s:
            raise ValueError("max_wait_s must not be below publish_every_s")
        if 0 < self.created_at_step_s < self.longest_wait_s:
            raise ValueError(
                f"created_at_step_s must be 0, or at least the {self.longest_wait_s:g} seconds that a note may wait: "
                "else its created_at tells in which batch it could have been"
            )
        return self

    @property
    def longest_wait_s(self) -> float:
        """Return after how many seconds a note that is held is published at the latest."""
        return self.max_wait_s if self.min_batch else self.publish_every_s


class InvoicePolicy(Section):
    """The limits of invoices and of unpaid notes. Times are in seconds. An invoice costs its author proof of work.

    The required bits rise with the number of open invoices, by `pow_bits_when_full` when `max_open` are open, and with the rate
    of new ones, by `pow_bits_at_full_rate` when `per_s` are made for some minutes.
    """

    pow_bits: Annotated[int, Field(ge=0, le=32)] = 12
    pow_bits_when_full: Annotated[int, Field(ge=0, le=16)] = 8
    pow_bits_at_full_rate: Annotated[int, Field(ge=0, le=16)] = 4
    per_s: Annotated[float, Field(gt=0)] = 5.0
    expiry_s: Annotated[int, Field(ge=60, le=86_400)] = 900
    grace_s: Annotated[int, Field(ge=0, le=86_400)] = 3_600
    max_open: Count = 1_000
    max_open_per_connection: Count = 3
    max_per_note: Count = 3
    max_unpaid_notes: Count = 10_000
    max_unpaid_mib: Count = 256
    forget_after_s: Annotated[int, Field(ge=60, le=2_592_000)] = 86_400


class PagesPolicy(Section):
    """The pages: how long one that was rendered is kept (0: not), how many, and how much of them.

    With `index` search engines may list them.
    """

    cache_s: Annotated[float, Field(ge=0, le=3_600)] = 60.0
    max_cached: Count = 1_000
    max_cached_mib: Count = 32
    index: bool = False


class WindowPolicy(Section):
    """The memory for the newest notes, in MiB, from which most queries are answered (0: none is kept)."""

    max_mib: Annotated[float, Field(ge=0, le=65_536)] = 64.0


class AcceptPolicy(Section):
    """What is accepted without a ring signature."""

    plain: bool = False
    plain_kinds: frozenset[Annotated[int, Field(ge=0, le=65535)]] = frozenset({0, 5, 10002})


@dataclass(frozen=True, slots=True)
class InternalLimits:
    """Intervals and bounds of the relay itself. No operator sets them; a test passes its own."""

    check_idle_every_s: float = 30.0
    delete_expired_every_s: float = 30.0
    prune_feed_every_s: float = 30.0
    forget_payments_every_s: float = 15.0
    # Old enough that every process has read it, young enough that nobody can tell last week's order from it.
    keep_feed_s: float = 180.0
    mask_statistics_every_s: float = 1.0
    check_rewrite_every_s: float = 60.0
    # More than a second's work of the fastest disk this was measured on; beyond it a client had better try again later.
    max_waiting_notes: int = 20_000
    # In the tables beside notes: one a tag and one a ring member. A thousand take about 7 ms to insert. One of the largest
    # rings (ring.max_size) goes into a batch, and what came behind such a note does not wait for the next one too.
    max_batch_rows: int = 2_000
    # In the same tables, in one transaction. The writer waits meanwhile.
    max_deleted_rows: int = 2_000
    # Of all tables together, that are moved in one transaction, once a day. The writer waits meanwhile. A row that is moved costs
    # about four times as much as one of the tables beside notes costs to insert.
    max_rewritten_rows: int = 500
    # What a COUNT lists at most. A member who looks for a smaller ring names it in the search.
    max_rings_counted: int = 100


INTERNAL_LIMITS = InternalLimits()
