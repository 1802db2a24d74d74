"""The configuration of the database: which Postgres, its memory, its connections. Connects to nothing."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from relay.limits import Section


def _read_digits(value: object) -> object:
    """Return digits from the environment as a number, for keys whose type is a list of numbers."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value) else value


class DatabaseSection(Section):
    """The database in which notes are stored."""

    url: SecretStr | None = None
    embedded_version: Annotated[Literal[16, 18], BeforeValidator(_read_digits)] = 18
    shared_buffers_mib: Annotated[int, Field(ge=0)] = 0
    pool_size: Annotated[int, Field(ge=1, le=40)] = 10

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgres://", "postgresql://")):
            raise ValueError("must begin with postgresql://")
        return url
