"""`python -m bench`, or `make bench`: all figures of speed, in alternating rounds, as a table and as JSON.

Each rate is printed with the processor time that an operation takes of the relay and of its Postgres, as a share of S (Schnorr
verifications a second on one core, measured in the same run) and of a prototype without features that ran in the same minute.
"""

import argparse
import signal
from pathlib import Path

from bench.comparison import run_comparison
from bench.plan import Plan
from bench.relay_process import CHECKOUT
from bench.result import write_result
from bench.run import run_all
from bench.subjects import CompareError
from bench.table import to_table

CACHE = CHECKOUT / ".cache" / "bench"
_QUICK = 4


def main() -> None:
    """Measure, and print."""
    arguments = _parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Whatever runs is ended in order, also where a shell had this one ignored.
        signal.signal(number, signal.default_int_handler)
    plan = Plan(
        rounds=arguments.rounds or (1 if arguments.quick else 5),
        stores=tuple(arguments.notes or ((20_000,) if arguments.quick else Plan.stores)),
        only=tuple(arguments.only),
        shrink=_QUICK if arguments.quick else 1,
    )
    try:
        result = (
            run_comparison(plan, arguments.compare, arguments.cache)
            if arguments.compare
            else run_all(plan, arguments.cache)
        )
    except CompareError as error:
        raise SystemExit(f"make bench: {error}") from None
    print(to_table(result))
    if arguments.json is not None:
        write_result(result, arguments.json)
    if result.failures:
        raise SystemExit("make bench: something could not be measured, see above")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one round of small loads on 20,000 notes: some minutes")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only figures whose names begin so, such as ingest"
    )
    parser.add_argument(
        "--notes", action="append", type=int, metavar="N", help="the sizes of the stores (default: 20000 and 1000000)"
    )
    parser.add_argument("--rounds", type=int, help="alternating rounds (default: 5, of --quick 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    parser.add_argument("--compare", metavar="URL", help="load another relay on this machine, as ws://127.0.0.1:7777")
    parser.add_argument(
        "--cache", type=Path, default=CACHE, metavar="DIR", help="where notes and stores are kept for the next run"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
