"""The Postgres settings that keep times and contents out of its logs. Does not know whose server it is."""

from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Setting:
    """A server setting, the wanted value, and what any other value would do."""

    name: str
    wanted: str
    otherwise: str
    also_fine: frozenset[str] = frozenset()


# A boolean before Postgres 18. Since then a list of words; the default is the empty list, which means off.
_OFF_WORDS = frozenset({"", "false", "no", "0"})
# All of these wait for the local disk. They differ only in what they wait for on a standby.
_FLUSHED_LOCALLY = frozenset({"local", "remote_write", "remote_apply"})

PRIVACY_SETTINGS = (
    Setting("log_statement", "none", "statements go to the log, with notes in them"),
    Setting("log_duration", "off", "every statement leaves its time in the log"),
    Setting("log_min_duration_statement", "-1", "slow statements go to the log, with notes in them"),
    Setting("log_min_duration_sample", "-1", "some statements go to the log, with notes in them"),
    Setting("log_transaction_sample_rate", "0", "some transactions go to the log, with notes in them"),
    Setting("log_min_error_statement", "panic", "failing statements go to the log, with notes in them"),
    Setting("log_error_verbosity", "terse", "details of errors go to the log, such as the id of a note"),
    Setting("log_parameter_max_length_on_error", "0", "parameters of failing statements go to the log"),
    Setting("debug_print_parse", "off", "parsed statements go to the log"),
    Setting("debug_print_rewritten", "off", "rewritten statements go to the log"),
    Setting("debug_print_plan", "off", "plans go to the log, with values in them"),
    Setting("log_connections", "off", "connections leave their time in the log", _OFF_WORDS),
    Setting("log_disconnections", "off", "connections leave their time in the log"),
    Setting("log_checkpoints", "off", "the log says how much was written when"),
    Setting("log_autovacuum_min_duration", "-1", "the log says how many rows came and went when"),
    Setting("log_lock_waits", "off", "waiting transactions leave their time in the log"),
    Setting("log_temp_files", "-1", "large queries leave their time in the log"),
    Setting("track_activities", "off", "pg_stat_activity shows when the last note was stored"),
    Setting("track_commit_timestamp", "off", "the server keeps the time at which every note was stored"),
    Setting("wal_level", "minimal", "a replica or archive made from the WAL keeps the arrival time of every note"),
    Setting("archive_mode", "off", "archived WAL keeps the arrival time of every note"),
    Setting("max_wal_senders", "0", "replicas can be attached, which see the arrival time of every note"),
)

# These exist only if the extension is loaded.
EXTENSION_SETTINGS = (
    Setting("auto_explain.log_min_duration", "-1", "plans go to the log, with notes in them"),
    Setting("pgaudit.log", "none", "statements go to the audit log, with notes in them", frozenset({""})),
)

DURABILITY_SETTINGS = (
    Setting("fsync", "on", "a power cut can destroy the database"),
    Setting("full_page_writes", "on", "a power cut can leave torn pages"),
    Setting("synchronous_commit", "on", "notes answered with OK can be lost in a crash", _FLUSHED_LOCALLY),
)


async def check_privacy_settings(connection: "asyncpg.Connection") -> list[str]:
    """Return a sentence for each setting that differs from the wanted one. An empty list means that all is well.

    It reads the settings of this session, so those of its role and database are included.
    """
    wanted = (*PRIVACY_SETTINGS, *DURABILITY_SETTINGS, *EXTENSION_SETTINGS)
    rows = await connection.fetch(
        "SELECT name, setting FROM pg_settings WHERE name = ANY($1::text[])", [setting.name for setting in wanted]
    )
    found: dict[str, str] = {row["name"]: row["setting"] for row in rows}
    return [
        f"{setting.name} is {found[setting.name] or 'empty'}, not {setting.wanted}: {setting.otherwise}"
        for setting in wanted
        if setting.name in found and found[setting.name] not in {setting.wanted, *setting.also_fine}
    ]
