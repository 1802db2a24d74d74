"""The configuration: one file, the environment over it, and errors that name what is wrong."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from relay.config import Config, ConfigError, describe_config, list_keys, load_config, read_shipped_file


@pytest.fixture(autouse=True)
def _no_relay_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("RELAY_"):
            monkeypatch.delenv(name)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "relay.toml"
    path.write_text(text)
    return path


def uncomment(text: str) -> str:
    return re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)


def test_the_example_file_changes_nothing(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, read_shipped_file("relay.toml"))).model_dump() == Config().model_dump()


def test_the_profile_for_disclosures_publishes_in_batches_and_blurs_its_counters_and_changes_nothing_else() -> None:
    profile = load_config(Path(__file__).parents[2] / "deploy" / "disclosure.toml")
    assert (profile.privacy.publish_every_s, profile.metrics.snapshot_every_s) == (900, 300)
    # One is what `ringrelay sign` writes, the other how long anybody may wait.
    assert profile.privacy.created_at_step_s == profile.privacy.max_wait_s == 3_600
    sections = {"privacy", "metrics"}
    assert profile.model_dump(exclude=sections) == Config().model_dump(exclude=sections)


def test_every_key_is_in_the_example_file_with_its_default(tmp_path: Path) -> None:
    text = uncomment(read_shipped_file("relay.toml"))
    values = tomllib.loads(text)
    written = {
        f"{name}.{inner}" if isinstance(value, dict) else name
        for name, value in values.items()
        for inner in (value if isinstance(value, dict) else [""])
    }
    assert written == set(list_keys())
    # These have no default.
    rest = re.sub(r'^(url = "postgresql.*|\w+ = "\.\.\."|previous = .*)$', "", text, flags=re.MULTILINE)
    assert load_config(write(tmp_path, rest)).model_dump() == Config().model_dump()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "data_dir = 'a'\n[limits]\nmax_tags = 5\nmax_filters = 3\n")
    monkeypatch.setenv("RELAY_LIMITS__MAX_TAGS", "7")
    monkeypatch.setenv("RELAY_ACCEPT__PLAIN_KINDS", "[1, 2]")
    config = load_config(path)
    assert (config.limits.max_tags, config.limits.max_filters) == (7, 3)
    assert config.accept.plain_kinds == {1, 2}
    assert config.data_dir == Path("a")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("colour = 1", "colour"),
        ("[limits]\nmax_tagz = 1", "limits.max_tagz"),
        ("[limits]\nmax_tags = 0", "limits.max_tags"),
        ("[limits]\nmax_tags = 'many'", "limits.max_tags"),
        ("[ring]\nmin_size = 1", "ring.min_size"),
        ("[ring]\nmin_size_linkable = 1", "ring.min_size_linkable"),
        (
            "[ring]\nmin_size = 9\nmin_size_linkable = 8",
            "ring: min_size_linkable must not be below min_size, as min_size is for all rings: set 9 or more, or leave it out",
        ),
        (
            "[ring]\nmax_size = 4",
            "ring: min_size_linkable is 5 and must not be above max_size, else no linkable ring would be accepted: set 4 or less",
        ),
        ("[accept]\nplain_kinds = [70000]", "accept.plain_kinds"),
        ("[accept]\nplain_kinds = [0, 62, 4]", "accept: plain_kinds must not contain 4, 62"),
        ("[database]\nurl = 'mysql://x:canary@y'", "database.url"),
        ("[info]\npubkey = 'xyz'", "info.pubkey: must be empty or a public key as 64 lower-case hex digits"),
        ("[server]\nhost = ''", "server.host: must not be empty"),
        ("[server]\nprivate_host = ' '", "server.private_host: must not be empty"),
        ("data_dir = ''", "data_dir: must be the path of a directory"),
        ('data_dir = "a\\u0000b"', "data_dir"),
        ("data_dir = '~no-such-user/x'", "data_dir: begins with ~"),
        ("[limits]\nquery_timeout_s = inf", "limits.query_timeout_s"),
        ("[limits]\nquery_timeout_s = 0.001", "limits.query_timeout_s"),
        ("[limits]\nquery_timeout_s = 3601", "limits.query_timeout_s"),
        ("[limits]\nevents_per_s = inf", "limits.events_per_s"),
        ("[limits]\nidle_timeout_s = nan", "limits.idle_timeout_s"),
        ("[metrics]\nsnapshot_every_s = inf", "metrics.snapshot_every_s"),
        ("limits = 3", "limits"),
        ("[limits", "relay.toml"),
    ],
)
def test_a_wrong_key_or_value_in_the_file_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)) as caught:
        load_config(write(tmp_path, text))
    assert "canary" not in str(caught.value)
    assert "Value error" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RELAY_COLOUR", "1"),
        ("RELAY_LIMITS_MAX_TAGS", "1"),
        ("RELAY_LIMITS__MAX_TAGZ", "1"),
        ("RELAY_LIMITS__MAX_TAGS", "canary"),
        ("RELAY_ACCEPT__PLAIN_KINDS", "[canary"),
        ("RELAY_DATABASE__URL", "canary"),
        ("RELAY_LIMITS", "canary"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable) as caught:
        load_config(None)
    assert "canary" not in str(caught.value)


def test_variables_of_the_tests_are_not_the_relays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_TEST_DATABASE_URL", "postgresql://x")
    assert load_config(None) == Config()


def test_a_missing_file_is_an_error_that_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="check-config --print-default"):
        load_config(tmp_path / "none.toml")


def test_a_file_that_cannot_be_looked_at_is_an_error_like_any_other(tmp_path: Path) -> None:
    # As in a directory that is closed to the relay, but also for root.
    with pytest.raises(ConfigError, match="File name too long"):
        load_config(tmp_path / ("x" * 300))
    deep = tmp_path / "relay.toml"
    deep.write_text(f"tiers = {'[' * 5_000}")
    with pytest.raises(ConfigError, match="nested too deeply"):
        load_config(deep)


def test_the_description_hides_the_password(tmp_path: Path) -> None:
    text = describe_config(load_config(write(tmp_path, "[database]\nurl = 'postgresql://me:canary@host/db'")))
    assert "canary" not in text
    assert '"max_tags": 2000' in text


def test_limits_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ring"):
        load_config(write(tmp_path, "[ring]\nmin_size = 100\nmax_size = 50"))
    with pytest.raises(ConfigError, match="limits"):
        load_config(write(tmp_path, "[limits]\ndefault_limit = 100\nmax_limit = 50"))


def test_a_larger_smallest_ring_needs_no_second_key_for_linkable_ones(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "[ring]\nmin_size = 9")).ring.min_size == 9


def test_every_key_can_be_set_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://ringrelay@db/ringrelay"
    lightning = {"secret": "a", "secret_file": "b", "certificate_file": "c"}
    values = {
        **flatten(Config().model_dump(mode="json")),
        "database.url": url,
        **{f"lightning.{name}": value for name, value in lightning.items()},
        "privacy.key_dir": "k",
    }
    assert set(values) == set(list_keys())
    for key, value in values.items():
        text = value if isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv("RELAY_" + key.replace(".", "__").upper(), text)
    loaded = load_config(None)
    assert loaded.database.url is not None
    assert loaded.database.url.get_secret_value() == url
    sections: dict[str, Any] = {"database": {"url": url}, "lightning": lightning, "privacy": {"key_dir": "k"}}
    expected = Config(**sections)
    assert loaded.model_dump() == expected.model_dump()


def flatten(values: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}.{inner}" if inner else name: inner_value
        for name, value in values.items()
        for inner, inner_value in (value.items() if isinstance(value, dict) else [("", value)])
    }


def test_the_other_built_in_version_can_be_chosen_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELAY_DATABASE__EMBEDDED_VERSION", "16")
    assert load_config(None).database.embedded_version == 16
    for wrong in ("17", "sixteen", ""):
        monkeypatch.setenv("RELAY_DATABASE__EMBEDDED_VERSION", wrong)
        with pytest.raises(ConfigError, match="RELAY_DATABASE__EMBEDDED_VERSION"):
            load_config(None)


def test_a_tilde_in_the_data_directory_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RELAY_DATA_DIR", "~/rings")
    assert load_config(None).data_dir == tmp_path / "rings"


@pytest.mark.parametrize(
    ("variable", "value", "example"),
    [
        ("RELAY_SERVER__TRUSTED_PROXIES", "10.0.0.0/8", '["127.0.0.1/32"]'),
        ("RELAY_SERVER__TRUSTED_PROXIES", "5", '["127.0.0.1/32"]'),
        ("RELAY_ACCEPT__PLAIN_KINDS", "1,2", "[0, 5]"),
    ],
)
def test_a_bad_list_in_the_environment_is_answered_with_an_example_that_fits(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, example: str
) -> None:
    monkeypatch.setenv("RELAY_SERVER__HOST", "127.0.0.1")
    monkeypatch.setenv("RELAY_ACCEPT__PLAIN", "true")
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"^{variable}: .*{re.escape(example)}") as caught:
        load_config(None)
    assert len(str(caught.value).splitlines()) == 1


def test_a_link_to_a_file_that_went_missing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("relay.toml").symlink_to("elsewhere.toml")
    with pytest.raises(ConfigError, match=r"relay\.toml: there is no such file"):
        load_config(None)


def test_the_description_says_what_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert describe_config(load_config(None)).startswith("read: no file and no variable")
    monkeypatch.setenv("RELAY_LIMITS__MAX_TAGS", "7")
    path = write(tmp_path, "[limits]")
    assert describe_config(load_config(path)).splitlines()[0] == f"read: {path}, then RELAY_LIMITS__MAX_TAGS"


def test_a_price_needs_a_node_to_pay_it_to(tmp_path: Path) -> None:
    text = '[privacy]\npublish_every_s = 900\n[[tiers]]\npath = "/"\nprice_sat = 5\n'
    with pytest.raises(ConfigError, match=r"set lightning\.backend"):
        load_config(write(tmp_path, text))
    node = '[lightning]\nbackend = "lnbits"\nurl = "http://127.0.0.1:5000"\nsecret = "canary"\n'
    config = load_config(write(tmp_path, text + node))
    assert config.tiers[0].price_msat == 5_000
    assert "canary" not in describe_config(config)


def test_the_tier_that_is_wrong_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"relay\.toml: tiers, number 2\.price_sat: "):
        load_config(write(tmp_path, '[[tiers]]\npath = "/"\n[[tiers]]\npath = "/a"\nprice_sat = -1\n'))
    monkeypatch.setenv("RELAY_TIERS", '[{"path": "canary"}]')
    with pytest.raises(ConfigError, match=r"RELAY_TIERS: must be ") as caught:
        load_config(None)
    assert "canary" not in str(caught.value)
    monkeypatch.setenv("RELAY_TIERS", "canary")
    with pytest.raises(ConfigError, match="RELAY_TIERS: a list must be written as JSON"):
        load_config(None)


@pytest.mark.parametrize("url", ["relay.example", "https://relay.example", "wss://relay.example/path", "wss://ä"])
def test_the_relays_own_url_is_one_that_clients_can_use(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"server\.url: must be empty or a host with ws"):
        load_config(write(tmp_path, f'[server]\nurl = "{url}"\n'))


@pytest.mark.parametrize(
    ("privacy", "is_taken"),
    [("", False), ("publish_every_s = 900", True), ("allow_linkable_payments = true", True)],
)
def test_notes_are_not_sold_where_each_appears_when_it_is_paid_for(
    tmp_path: Path, privacy: str, is_taken: bool
) -> None:
    text = (
        f'[privacy]\n{privacy}\n[[tiers]]\npath = "/"\nprice_sat = 5\n'
        '[lightning]\nbackend = "lnbits"\nurl = "http://127.0.0.1:5000"\nsecret = "canary"\n'
    )
    if is_taken:
        load_config(write(tmp_path, text))
    else:
        with pytest.raises(ConfigError, match="without batches each note appears when it is paid for"):
            load_config(write(tmp_path, text))


@pytest.mark.parametrize(
    ("privacy", "fault"),
    [
        ("min_batch = 45", "min_batch needs batches"),
        ("publish_every_s = 900\nmin_batch = 45\nmax_wait_s = 600", "max_wait_s must not be below publish_every_s"),
        (
            "publish_every_s = 900\nmin_batch = 45\nmax_wait_s = 7200\ncreated_at_step_s = 3600",
            "at least the 7200 seconds",
        ),
        ("publish_every_s = 900\ncreated_at_step_s = 600", "at least the 900 seconds"),
    ],
)
def test_a_batch_that_would_give_itself_away_is_refused(tmp_path: Path, privacy: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        load_config(write(tmp_path, f"[privacy]\n{privacy}\n"))
