"""The options of `ringrelay payments`. Knows nothing of what it does, and needs none of the relay's packages."""

import argparse

ACTIONS = ("totals", "open", "unapplied", "claim", "abandon")
DESCRIPTION = """Show the books of payments, and correct them; beside a running relay, or without one.

totals shows what there is, by account: the Lightning node or wallet that made an invoice. open lists the invoices that are asked
for, unapplied what was paid and bought nothing, by reason.

claim looks an invoice up at the node of [lightning], or at that of [lightning.previous]. If it is paid, and the database knows
nothing of it, as after a restore, its money buys the note of --note when that is sent again. Each payment can be claimed once.

abandon gives up the invoices of an account that is not asked any more. What is paid for them is not found afterwards. It asks
first.

For example:

  ringrelay payments totals
  ringrelay payments claim lnbc100u1... --note 5c83da77af1dec6d7289834998ad7aafbd9e2191396d75ec3cc27f5a77226f36
  ringrelay payments abandon 'lnd 02ab...'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=ACTIONS, metavar="|".join(ACTIONS), help="what to do")
    parser.add_argument(
        "subject",
        nargs="?",
        metavar="SUBJECT",
        help="for claim: an invoice (BOLT 11) or its payment hash, 64 hex digits; for abandon: the account, as totals shows it",
    )
    parser.add_argument("--note", metavar="ID", help="for claim: the note that was paid for, 64 hex digits")
    parser.add_argument("--yes", action="store_true", help="for abandon: do not ask")
    parser.add_argument("--json", action="store_true", help="print JSON")
