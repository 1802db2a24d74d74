"""The configuration: RELAY_* environment variables, then one TOML file, then defaults. Unknown names are errors."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from relay.limits import (
    AcceptPolicy,
    InvoicePolicy,
    Limits,
    NonNegativeSeconds,
    PagesPolicy,
    PrivacyPolicy,
    RingPolicy,
    Section,
    WindowPolicy,
)
from relay.policy.rules import check_plain_kinds
from relay.policy.tiers import DEFAULT_TIERS, Tier, check_tiers
from relay.postgres.settings import DatabaseSection
from relay.pricing.settings import LightningSection, NodeSection
from relay.protocol.hex import is_hex32

PREFIX = "RELAY_"
# Variables of the tests.
_TEST_PREFIX = "RELAY_TEST_"
# Read if the command line names no file.
_USUAL_FILE = Path("relay.toml")
# Lists are JSON in the environment. Errors about these keys show an example.
_EXAMPLES = {
    "server.trusted_proxies": '["127.0.0.1/32"]',
    "accept.plain_kinds": "[0, 5]",
    "tiers": '[{"path": "/", "pow_bits": 16}]',
}
_FROM_PYDANTIC = "Value error, "


class ConfigError(Exception):
    """The key that is wrong, and what it should be. The text never repeats a value, which may be a password."""


def _check_host(host: str) -> str:
    if not host.strip():
        raise ValueError("must not be empty; to listen on every address of this machine write 0.0.0.0 or ::")
    return host


def _check_relay_url(url: str) -> str:
    if url and not re.fullmatch(r"wss?://[A-Za-z0-9._:\[\]-]{1,200}/?", url):
        raise ValueError('must be empty or a host with ws:// or wss:// before it, such as "wss://relay.example"')
    return url.rstrip("/")


def _check_onion_url(url: str) -> str:
    if url and not re.fullmatch(r"http://[a-z2-7]{56}\.onion(:[0-9]{1,5})?/?", url):
        raise ValueError(
            'must be empty or the http:// address of an onion service, with 56 letters and digits before ".onion"'
        )
    return url.rstrip("/")


def _check_pubkey(pubkey: str) -> str:
    if pubkey and not is_hex32(pubkey):
        raise ValueError("must be empty or a public key as 64 lower-case hex digits (not an npub)")
    return pubkey


def _read_directory(value: object) -> object:
    """Return the path of a directory, with ~ expanded as a shell does. Raises ValueError for an empty one."""
    if not isinstance(value, str):
        return value
    if not value.strip() or "\0" in value:
        raise ValueError("must be the path of a directory; for the current directory write '.'")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, but that user's home is unknown; write the whole path") from None


Port = Annotated[int, Field(ge=0, le=65535)]
Host = Annotated[str, AfterValidator(_check_host)]


class ServerSection(Section):
    """The addresses and ports of the relay."""

    host: Host = "127.0.0.1"
    port: Port = 7447
    # 0 is no port, as nobody could be told which one the system chose.
    proxy_port: Port = 0
    private_host: Host = "127.0.0.1"
    private_port: Port = 9447
    url: Annotated[str, AfterValidator(_check_relay_url)] = ""
    onion_url: Annotated[str, AfterValidator(_check_onion_url)] = ""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()


class InfoSection(Section):
    """The operator's part of the info document (NIP-11)."""

    name: str = "ringrelay"
    description: str = "A relay for ring-signed notes: it verifies every ring signature before it keeps a note."
    contact: str = ""
    pubkey: Annotated[str, AfterValidator(_check_pubkey)] = ""
    icon: str = ""


class MetricsSection(Section):
    """The interval of the metrics' snapshots."""

    snapshot_every_s: NonNegativeSeconds = 15.0


class Config(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True)

    data_dir: Annotated[Path, BeforeValidator(_read_directory)] = Path("data")
    server: ServerSection = ServerSection()
    info: InfoSection = InfoSection()
    limits: Limits = Limits()
    ring: RingPolicy = RingPolicy()
    accept: AcceptPolicy = AcceptPolicy()
    database: DatabaseSection = DatabaseSection()
    window: WindowPolicy = WindowPolicy()
    metrics: MetricsSection = MetricsSection()
    privacy: PrivacyPolicy = PrivacyPolicy()
    pages: PagesPolicy = PagesPolicy()
    tiers: tuple[Tier, ...] = DEFAULT_TIERS
    lightning: LightningSection = LightningSection()
    invoices: InvoicePolicy = InvoicePolicy()
    _sources: tuple[str, ...] = PrivateAttr(default=())

    @property
    def keys_dir(self) -> Path:
        """Return where the keys lie under which notes wait."""
        return self.privacy.key_dir or self.data_dir / "keys"

    @field_validator("accept")
    @classmethod
    def _check_accept(cls, accept: AcceptPolicy) -> AcceptPolicy:
        check_plain_kinds(accept.plain_kinds)
        return accept

    @field_validator("tiers")
    @classmethod
    def _check_tiers(cls, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
        check_tiers(tiers)
        return tiers

    @model_validator(mode="after")
    def _check_prices_can_be_paid(self) -> Self:
        if self.lightning.backend == "none" and any(tier.price_msat for tier in self.tiers):
            raise ValueError(
                "tiers: a price needs a Lightning node that receives it: set lightning.backend, or price_sat = 0"
            )
        return self

    @model_validator(mode="after")
    def _check_payments_tell_nothing(self) -> Self:
        is_linkable = not self.privacy.publish_every_s and not self.privacy.allow_linkable_payments
        if is_linkable and any(tier.price_msat for tier in self.tiers):
            raise ValueError(
                "tiers: without batches each note appears when it is paid for, so the node's books and the payer's wallet name "
                "its author: set privacy.publish_every_s, such as 900, or privacy.allow_linkable_payments = true where that is "
                "no secret"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from the constructor only. `load_config` is the only place that reads files and the environment."""
        return (init_settings,)


def load_config(path: Path | None) -> Config:
    """Read the file, if any, and the environment.

    Raises ConfigError, which lists every key or variable that is unknown or has a bad value.
    """
    _check_variables(os.environ)
    if path is None and _USUAL_FILE.is_symlink() and not _USUAL_FILE.exists():
        # A broken link means that the file is missing, not that defaults are wanted.
        path = _USUAL_FILE
    try:
        if path is not None and not path.is_file():
            raise ConfigError(
                f"{path}: there is no such file; print an example with: ringrelay check-config --print-default"
            )
        in_file = TomlConfigSettingsSource(Config, path)()
        in_environment = EnvSettingsSource(Config)()
        config = Config(**_merge_sections(in_file, in_environment))
        config._sources = _list_sources(path)
        return config
    except ValidationError as error:
        raise ConfigError("\n".join(_describe_errors(error, path))) from None
    except SettingsError as error:
        raise ConfigError(_describe_bad_variables(error)) from None
    except (OSError, ValueError) as error:
        # A TOML error names the place in the file and repeats no value.
        raise ConfigError(f"{path}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: its lists are nested too deeply") from None


def _list_sources(path: Path | None) -> tuple[str, ...]:
    variables = sorted(name for name in os.environ if name.startswith(PREFIX) and not name.startswith(_TEST_PREFIX))
    return (*([str(path.absolute())] if path else []), *variables)


def _merge_sections(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    """Return the sections of `low`, with the keys of `high` replacing theirs."""
    merged = dict(low)
    for name, value in high.items():
        below = merged.get(name)
        merged[name] = _merge_sections(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _describe_bad_variables(error: SettingsError) -> str:
    """Return which variables pydantic-settings could not decode. Its own text only names their section."""
    section = str(error).partition('"')[2].partition('"')[0]
    variables = {key: _to_variable(key) for key in _EXAMPLES if key == section or key.startswith(f"{section}.")}
    wrong = [
        f"{variable}: a list must be written as JSON, such as {_EXAMPLES[key]}"
        for key, variable in variables.items()
        if variable in os.environ and not _is_json(os.environ[variable])
    ]
    return "\n".join(wrong) or f"{PREFIX}{section.upper()}: cannot be read"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _describe_errors(error: ValidationError, path: Path | None) -> Iterator[str]:
    for detail in error.errors(include_input=False, include_url=False):
        first, *others = detail["loc"] or ("configuration",)
        # In a list of tables, the number of the table.
        key = f"{first}" + "".join(f", number {part + 1}" if isinstance(part, int) else f".{part}" for part in others)
        unknown = detail["type"] == "extra_forbidden"
        text = "unknown key" if unknown else detail["msg"].removeprefix(_FROM_PYDANTIC)
        if key in _EXAMPLES:
            text += f", such as {_EXAMPLES[key]}"
        variable = _to_variable(key.partition(",")[0])
        source = variable if variable in os.environ else f"{path or 'configuration'}: {key}"
        yield f"{source}: {text}; the keys and their meaning: ringrelay check-config --print-default"


def _to_variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def _check_variables(environment: Mapping[str, str]) -> None:
    # The node of before is a section within a section.
    previous = (f"lightning.previous.{inner}" for inner in NodeSection.model_fields)
    known = {_to_variable(key) for key in (*list_keys(), *previous)}
    for name in sorted(environment):
        if name.startswith(PREFIX) and not name.startswith(_TEST_PREFIX) and name not in known:
            raise ConfigError(
                f"{name}: unknown variable; write two underscores between levels, as in RELAY_DATABASE__URL"
            )


def list_keys() -> list[str]:
    """Return every key with its section, as `limits.max_tags`."""
    keys: list[str] = []
    for name, field in Config.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys.extend(f"{name}.{inner}" for inner in field.annotation.model_fields)
        else:
            keys.append(name)
    return keys


def describe_config(config: Config) -> str:
    """Return a line with the files and variables that were read, then the values in force as JSON, without passwords."""
    values: dict[str, Any] = config.model_dump(mode="json")
    sources = ", then ".join(config._sources) or "no file and no variable; all values are the defaults"
    return f"read: {sources}\n{json.dumps(values, indent=2)}"


def read_shipped_file(name: str) -> str:
    """Return a configuration that comes with the relay: `relay.toml` or `disclosure.toml`. Raises ConfigError."""
    package = Path(__file__).parent
    for path in (package / name, package.parent / "deploy" / name):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise ConfigError("the example file is missing from this installation; install ringrelay again")
