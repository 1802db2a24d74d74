"""On a server that nobody touches any more, nothing is left of when the last notes came, a quarter of an hour later."""

import asyncio
import time

import pytest

from tests.support.forensics.findings import BY_THE_CLOCK, Findings, examine
from tests.support.forensics.run import Profile, Run, run_profile
from tests.support.forensics.wal import find_commit_times, read_wal
from tests.support.postgres_servers import Directories

pytestmark = [pytest.mark.serial, pytest.mark.timeout(1_500), pytest.mark.forensic("takes a quarter of an hour")]

_NOTES = 60
_IDLE_S = 900.0
_PROFILES = (
    Profile("default, idle", idle_s=_IDLE_S),
    Profile("disclosure, idle", batch_s=60, config="disclosure.toml", max_wait_s=120, min_batch=45, idle_s=_IDLE_S),
)


async def _run_all(directories: Directories) -> list[tuple[Run, Findings, list[float]]]:
    """Run all profiles at the same time."""

    async def run_one(profile: Profile) -> tuple[Run, Findings, list[float]]:
        with directories.make() as directory:
            run = await run_profile(profile, directory, _NOTES)
            left = sorted(find_commit_times(read_wal(run.seizures["after"].cluster)).values())
            return run, examine(run), [time.time() - at for at in left]

    return list(await asyncio.gather(*map(run_one, _PROFILES)))


def test_a_quarter_of_an_hour_later_an_untouched_server_has_no_time_of_the_last_notes(directories: Directories) -> None:
    runs = asyncio.run(_run_all(directories))
    for run, found, left in runs:
        print(
            f"\n{run.profile.name}: {len(run.sent)} notes; {len(left)} commits in the log, the oldest {left[:1]} s ago"
        )
        print("\n".join(found.list_lines(len(run.sent))))
    for run, found, _ in runs:
        assert len(run.sent) > _NOTES // 2
        assert found.times["commits in the log, before"] > 0
        assert found.times["commits in the log, after"] == found.times["commits in the log, stopped"] == 0
        assert found.dated["bytes in the log, after"] == []
        assert found.times["other files, after"] == found.times["other files, stopped"] == 0
        assert found.times["statistics of the relay's tables"] == 0
        assert set(found.named.values()) == {0}
        if run.profile.batch_s:
            # But for what Postgres writes for itself.
            assert {name for name in found.files if not name.endswith(BY_THE_CLOCK)} == set()
