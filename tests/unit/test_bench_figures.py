"""What make bench makes of what it measured: medians, ratios, and the table in the document."""

import os
import time
from pathlib import Path

import pytest

from bench.figure import Figure, Spread, find_percentile, to_figure
from bench.goals import GOALS
from bench.meter import Processes, read_cpu_s
from bench.report import BEGIN, DOCUMENT, END, format_spread, replace_figures, to_markdown
from bench.result import Result, read_result, write_result
from bench.rounds import PROTOTYPE, Round, to_figures
from bench.second_client import compare
from bench.subjects import CompareError, check_loopback, name_store
from bench.table import to_table

SMALL, LARGE = "20,000 notes", "1,000,000 notes"


def make_rounds() -> list[Round]:
    return [
        Round(
            20_000.0,
            {
                ("ingest", PROTOTYPE): {"per_s": 10_000.0},
                ("ingest", SMALL): {"per_s": rate, "relay_us": 150.0, "postgres_us": 50.0},
                ("ingest", LARGE): {"per_s": rate / 2, "relay_us": 150.0, "postgres_us": 150.0},
            },
        )
        for rate in (4_000.0, 5_000.0, 9_000.0)
    ]


def find(figures: list[Figure], subject: str) -> dict[str, Spread]:
    [found] = [figure for figure in figures if figure.subject == subject]
    return found.measures


def test_a_figure_is_the_median_of_its_rounds_with_the_lowest_and_the_highest() -> None:
    figure = to_figure("ingest", SMALL, [{"per_s": 3.0}, {"per_s": 1.0}, {"per_s": 2.0, "p50_ms": 7.0}])
    assert figure.measures == {"per_s": Spread(2.0, 1.0, 3.0), "p50_ms": Spread(7.0, 7.0, 7.0)}
    assert figure.rounds == 3


def test_rates_are_shares_of_s_and_of_the_prototype_of_the_same_round() -> None:
    measures = find(to_figures(make_rounds()), SMALL)
    assert measures["of_s"] == Spread(0.25, 0.2, 0.45)
    assert measures["of_prototype"] == Spread(0.5, 0.4, 0.9)
    assert "growth" not in measures


def test_growth_is_how_many_times_as_long_a_note_takes_in_a_large_store() -> None:
    figures = to_figures(make_rounds(), (SMALL, LARGE))
    assert find(figures, LARGE)["growth"] == Spread(2.0, 2.0, 2.0)
    assert find(figures, LARGE)["cpu_growth"] == Spread(1.5, 1.5, 1.5)
    assert "growth" not in find(figures, SMALL)


def test_ring_notes_are_a_share_of_what_two_cores_could_verify() -> None:
    [figure] = to_figures([Round(20_000.0, {("ring10_one", SMALL): {"per_s": 2_000.0, "checks_per_s": 22_000.0}})])
    assert figure.measures["of_limit"].median == pytest.approx(0.55)
    assert "checks_per_s" not in figure.measures


def test_what_one_client_waits_is_compared_with_what_it_waits_for_the_prototype() -> None:
    round_ = Round(
        20_000.0,
        {
            ("ack", PROTOTYPE): {"per_s": 1_000.0, "p50_ms": 1.0},
            ("ack", SMALL): {"per_s": 500.0, "p50_ms": 2.5},
        },
    )
    assert find(to_figures([round_]), SMALL)["p50_of_prototype"].median == 2.5


def test_a_second_client_is_compared_with_itself_on_a_quiet_relay() -> None:
    quiet = {"event_p99_ms": 4.0, "req_p99_ms": 2.0}
    assert compare({"event_p99_ms": 20.0, "req_p99_ms": 3.0}, quiet) == {
        "event_p99_ms": 20.0,
        "req_p99_ms": 3.0,
        "event_times_quiet": 5.0,
        "req_times_quiet": 1.5,
    }


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(100)]
    assert find_percentile(values, 0.5) == 50.0
    assert find_percentile(values, 0.99) == 99.0
    assert find_percentile([1.0], 0.99) == 1.0


def make_result() -> Result:
    return Result({"cores": "2"}, "abc", Spread(20_000, 19_000, 21_000), 14, "f" * 64, 60.0, to_figures(make_rounds()))


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_result(make_result(), tmp_path / "figures.json")
    assert read_result(tmp_path / "figures.json") == make_result()


def test_a_document_says_of_each_figure_its_cost_its_ratios_and_its_goal() -> None:
    [row] = [line for line in to_markdown(make_result()).splitlines() if SMALL in line]
    assert row == (
        "| plain notes stored | 20,000 notes | 5,000 (4,000 to 9,000) | 150.0 / 50.0 | 0.250 | "
        "0.50 (0.40 to 0.90) of the prototype | 0.9 of the prototype; growth 1.1 at most |"
    )
    [row] = [line for line in to_markdown(make_result()).splitlines() if "| prototype |" in line]
    assert row.endswith("|  |")


def test_only_what_is_between_the_markers_of_a_document_is_written_anew() -> None:
    document = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    written = replace_figures(document, "new")
    assert written == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_figures(written, "new") == written
    with pytest.raises(ValueError, match="once each"):
        replace_figures("no markers", "new")


def test_the_document_has_a_figure_for_each_goal() -> None:
    figures = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert [goal.words for goal in GOALS.values() if f"| {goal.words} |" not in figures] == []


def test_a_spread_shows_its_ends_where_they_differ() -> None:
    assert format_spread(Spread(1_234.5, 1_000.0, 2_000.0), 1) == "1,234 (1,000 to 2,000)"
    assert format_spread(Spread(1.01, 1.0, 1.04), 1) == "1.0"


def test_the_table_of_a_run_names_what_it_was_measured_on() -> None:
    text = to_table(make_result())
    assert "commit abc" in text
    assert "f" * 64 in text
    assert text.count("ingest") == 3


def test_a_store_without_a_window_is_another_subject() -> None:
    assert name_store(20_000) == SMALL
    assert name_store(20_000, with_window=False) == "20,000 notes, no window"


def test_no_figure_has_two_names_in_a_document() -> None:
    assert len({goal.words for goal in GOALS.values()}) == len(GOALS)


@pytest.mark.parametrize(
    "url",
    ["ws://192.0.2.1:7777", "ws://relay.example", "wss://127.0.0.1:7777", "ws://127.0.0.1.example:7777", "7777", ""],
)
def test_a_relay_that_is_not_on_this_machine_is_not_loaded(url: str) -> None:
    with pytest.raises(CompareError, match="is not on this machine"):
        check_loopback(url)


@pytest.mark.parametrize("url", ["ws://127.0.0.1:7777", "ws://localhost:7777/path", "ws://[::1]:7777"])
def test_a_relay_on_loopback_is_loaded(url: str) -> None:
    check_loopback(url)


def test_what_a_process_used_is_counted() -> None:
    began, used = time.process_time(), read_cpu_s(os.getpid())
    while time.process_time() < began + 0.2:
        pass
    assert read_cpu_s(os.getpid()) - used == pytest.approx(time.process_time() - began, rel=0.3)


def test_of_a_relay_whose_processes_are_not_known_nothing_is_counted() -> None:
    used = Processes().read_used()
    assert (used.relay_s, used.postgres_s) == (0.0, 0.0)
