"""The page of the metrics, from what a relay serves before anything has happened. Knows no metric."""

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from relay.config import Config
from relay.metrics import Metrics
from tests.references.markdown import NONE, escape, make_note, make_table, quote

# Labels whose values an operator chooses.
_CHOSEN = {"tier": "the path of each tier, and `unknown` where the key of an order is lost"}
_INTRODUCTION = """The private port serves them at `/metrics` in the text format of Prometheus, and `/healthz` beside them.
What is served is a snapshot; `[metrics]` in [the configuration](configuration.md) says how old it may get. Every label and
every value of it is there from the start, so that no new line tells of a first time. None holds a note, a key or an address."""


def render(command: str) -> str:
    """Return the page; `command` writes it."""
    metrics = Metrics(0)
    metrics.payments.name_tiers(Config().tiers)
    families = list(text_string_to_metric_families(metrics.render().decode()))
    rows = [
        (quote(_find_name(family)), family.type, _render_labels(family), escape(family.documentation))
        for family in families
    ]
    buckets = [(quote(family.name), _render_buckets(family)) for family in families if family.type == "histogram"]
    return (
        "\n".join(
            [
                f"# Metrics\n\n{make_note(command, 'the registry of a relay')}\n\n{_INTRODUCTION}\n",
                make_table(("name", "type", "labels", "meaning"), rows),
                "A histogram has the series `_bucket`, `_sum` and `_count`. The upper bounds of its buckets:\n",
                make_table(("name", "bounds"), buckets),
            ]
        ).rstrip("\n")
        + "\n"
    )


def _find_name(family: Metric) -> str:
    """Return the name as a query writes it."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def _render_labels(family: Metric) -> str:
    values: dict[str, list[str]] = {}
    for sample in family.samples:
        for name, value in sample.labels.items():
            if name != "le" and value not in values.setdefault(name, []):
                values[name].append(value)
    labels = [f"`{name}`: {_CHOSEN.get(name) or _render_values(found)}" for name, found in values.items()]
    return "; ".join(labels) or NONE


def _render_values(values: list[str]) -> str:
    return ", ".join(f"`{value}`" if value else "empty" for value in values)


def _render_buckets(family: Metric) -> str:
    bounds = [sample.labels["le"] for sample in family.samples if "le" in sample.labels]
    return ", ".join(f"{float(bound):g}" for bound in bounds if bound != "+Inf")
