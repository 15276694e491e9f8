"""The table of settings, from which flags, environment variables, the TOML file and docs/settings.md all follow.

The fields of `Settings` are the table. A field's name is its name everywhere: `port` is `--port`, `NARROWS_PORT`, and
`port` in TOML.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, get_type_hints

from narrows.policy import Level, Pages, Policy, Scope
from narrows.settings.agents import AgentSettings
from narrows.settings.choices import ClassifierName, KeyField, LogFormat, LogLevel
from narrows.settings.forms import (
    AGENTS,
    AMOUNT,
    COUNT,
    DURATION,
    FILE,
    HOST,
    HOSTS,
    KEY,
    KEYS,
    PATH,
    PORT,
    PROCESSES,
    PROXY,
    SHARE,
    SIZE,
    SWITCH,
    TOKENS,
    URL,
    VARIABLE,
    WHOLE,
    Form,
    one_of,
)
from narrows.settings.keys import GatewayKey, KeyLimits

ENVIRONMENT_PREFIX = "NARROWS_"


class Places(StrEnum):
    """Where a setting may be given. A secret never stands in a flag, which every user of the machine could read."""

    ANYWHERE = "anywhere"
    ENVIRONMENT = "environment"
    FILE = "file"


class Group(StrEnum):
    """The headings under which help and docs show the settings."""

    WHERE = "Where it listens, and for what"
    KEYS = "Who may use it, how much, and with which key"
    AGENTS = "Agents that answer in place of a model"
    EDITS = "What is shortened"
    LIMITS = "Bounds"
    TIMES = "Times"
    LOG = "What is written down"


@dataclass(frozen=True, slots=True)
class About:
    """What the table says of a setting beside its name, type and default."""

    group: Group
    form: Form
    help: str
    secret: bool = False
    places: Places = Places.ANYWHERE


@dataclass(frozen=True, slots=True)
class Setting:
    """A row of the table."""

    name: str
    default: object
    about: About

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()

    @property
    def has_flag(self) -> bool:
        return self.about.places is Places.ANYWHERE

    @property
    def has_variable(self) -> bool:
        return self.about.places is not Places.FILE

    @property
    def in_file(self) -> bool:
        return self.about.places is not Places.ENVIRONMENT

    def show(self, value: object) -> str:
        """`value` as it could be typed."""
        return self.about.form.show(value)


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a gateway is started with. Sizes are bytes, times seconds, shares fractions of 1."""

    upstream: Annotated[
        str,
        About(
            Group.WHERE,
            URL,
            "The model's server: scheme, host, and a base path if it has one. Every path is forwarded there; a `/v1`"
            " that both it and the request's path carry is joined once. Without it, `OPENAI_BASE_URL` is used.",
        ),
    ] = ""
    host: Annotated[str, About(Group.WHERE, HOST, "The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, About(Group.WHERE, PORT, "The port; 0 takes a free one.")] = 8787
    allow_open: Annotated[
        bool,
        About(
            Group.WHERE,
            SWITCH,
            "Allow `host` to be reachable from other machines without `keys`: whoever reaches the gateway, reaches the"
            " upstream.",
        ),
    ] = False
    own_prefix: Annotated[
        str,
        About(
            Group.WHERE,
            PATH,
            "Moves the gateway's own routes (`/healthz`, `/readyz`, `/metrics`, `/narrows/...`) under this path, for an"
            " upstream that has routes of these names.",
        ),
    ] = ""
    ca_bundle: Annotated[
        str,
        About(
            Group.WHERE,
            FILE,
            "PEM file of the authorities that an https upstream is checked against, in place of the system's.",
        ),
    ] = ""
    upstream_proxy: Annotated[
        str,
        About(
            Group.WHERE,
            PROXY,
            "The HTTP proxy through which the upstream is reached, or `none`. Without it, `HTTPS_PROXY`, `HTTP_PROXY`"
            " or `ALL_PROXY` is used, but never for an upstream on this machine.",
        ),
    ] = ""
    no_proxy: Annotated[
        str,
        About(
            Group.WHERE,
            HOSTS,
            "Hosts that are reached without the proxy: names with all below them, addresses, networks, each with a port"
            " if wanted, or `*`; commas between them. Without it, `NO_PROXY` is used.",
        ),
    ] = ""

    keys: Annotated[
        tuple[GatewayKey, ...],
        About(
            Group.KEYS,
            KEYS,
            "The table `[keys]`: the name and the hash of every key that a client may show, as `narrows key new` prints"
            " them. With one or more, every client needs one. In the TOML file only.",
            places=Places.FILE,
        ),
    ] = ()
    forward_gateway_key: Annotated[
        bool,
        About(
            Group.KEYS,
            SWITCH,
            "Pass the key that a client has shown on to the upstream, for an upstream that is a gateway with the same"
            " keys. Otherwise it is taken out.",
        ),
    ] = False
    key_max_in_flight: Annotated[
        int, About(Group.KEYS, WHOLE, "Requests that each key may have in progress at once; 0 is no limit.")
    ] = 0
    key_requests_per_minute: Annotated[
        int, About(Group.KEYS, WHOLE, "Requests that each key may begin in a minute; 0 is no limit.")
    ] = 0
    key_body_bytes_per_minute: Annotated[
        int, About(Group.KEYS, AMOUNT, "Bytes of request bodies that each key may send in a minute; 0 is no limit.")
    ] = 0
    upstream_key: Annotated[
        str,
        About(
            Group.KEYS,
            KEY,
            "The key that the upstream is sent, in place of whatever the client sent. In the environment only.",
            secret=True,
            places=Places.ENVIRONMENT,
        ),
    ] = ""
    upstream_key_env: Annotated[
        str,
        About(
            Group.KEYS,
            VARIABLE,
            "The environment variable that holds the upstream's key, if not `NARROWS_UPSTREAM_KEY`.",
        ),
    ] = ""
    upstream_key_file: Annotated[
        str,
        About(
            Group.KEYS, FILE, "The file that holds the upstream's key, alone, as secrets are mounted into containers."
        ),
    ] = ""
    upstream_key_header: Annotated[
        KeyField,
        About(
            Group.KEYS,
            one_of(KeyField),
            "The header that carries the upstream's key; `auto` is `x-api-key` for Anthropic's host, `x-goog-api-key`"
            " for Gemini's, `api-key` for Azure OpenAI's, and `authorization` with `Bearer` for all others.",
        ),
    ] = KeyField.AUTO

    agents: Annotated[
        tuple[AgentSettings, ...],
        About(
            Group.AGENTS,
            AGENTS,
            "The tables `[agents.NAME]`: agents that answer `/v1/chat/completions` for the models they serve; see"
            " docs/agents.md. In the TOML file only.",
            places=Places.FILE,
        ),
    ] = ()

    agent_sessions_file: Annotated[
        str,
        About(
            Group.AGENTS,
            FILE,
            "The SQLite file in which agents' sessions outlive the gateway: names, digests, and calls of"
            " clients' tools. Without it they live in memory.",
        ),
    ] = ""

    level: Annotated[
        Level,
        About(
            Group.EDITS,
            one_of(Level),
            "`off`: nothing is shortened; `lossless`: only forms that decode to the source exactly; `balanced`: also"
            " leave things out, counted.",
        ),
    ] = Level.BALANCED
    scope: Annotated[
        Scope,
        About(
            Group.EDITS,
            one_of(Scope),
            "`stable`: every eligible part, the same way on every turn; `latest`: only the latest tool message and user"
            " text, which gives up the provider's prompt cache.",
        ),
    ] = Scope.STABLE
    json_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "JSON under this size is kept.")] = 256
    log_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Logs and build output under this size are kept.")] = 512
    search_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Search results under this size are kept.")] = 512
    diff_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Diffs under this size are kept.")] = 1024
    repeat_min_bytes: Annotated[
        int,
        About(
            Group.EDITS,
            SIZE,
            "Outputs of this size and more are searched for what earlier ones show already; never under 256 bytes.",
        ),
    ] = 256
    table_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Tables and listings under this size are kept.")] = 1024
    blob_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Texts of base64 data under this size are kept.")] = 1024
    view_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Views of files under this size keep their numbers.")] = 512
    screen_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "Texts under this size keep their progress lines.")] = 256
    html_min_bytes: Annotated[int, About(Group.EDITS, SIZE, "HTML pages under this size are kept.")] = 2048
    html_pages: Annotated[
        Pages,
        About(
            Group.EDITS,
            one_of(Pages),
            "Which HTML pages become text at the level `balanced`: `off`: none; `tools`: those that a tool with an"
            " address among its arguments fetched from elsewhere; `all`: also those of a shell's `curl` and `wget`.",
        ),
    ] = Pages.OFF
    min_saved_tokens: Annotated[int, About(Group.EDITS, WHOLE, "Tokens an edit must save (OpenAI models: twice).")] = 32
    min_saved_share: Annotated[
        float, About(Group.EDITS, SHARE, "An edit must save this share of the text's tokens; a repeat half of it.")
    ] = 0.10
    min_saved_share_assumed: Annotated[
        float,
        About(Group.EDITS, SHARE, "The same, where the model's token encoding is not known and another stands in."),
    ] = 0.20
    cache_minimum_tokens: Annotated[
        int | None,
        About(
            Group.EDITS, TOKENS, "Parts wait for a prompt of so many tokens; `auto`: what its provider caches from on."
        ),
    ] = None
    classifier: Annotated[
        ClassifierName,
        About(
            Group.EDITS,
            one_of(ClassifierName),
            "What judges texts that no grammar explains. One that cannot be loaded is a start error.",
        ),
    ] = ClassifierName.MAGIKA

    workers: Annotated[
        int,
        About(
            Group.LIMITS,
            PROCESSES,
            "Gateway processes on the one port, watched and replaced by another; more than the machine's processors"
            " help nobody. Each is a gateway of its own: the bounds below are for each.",
        ),
    ] = 1
    plan_workers: Annotated[int, About(Group.LIMITS, PROCESSES, "Processes that shorten text, off the event loop.")] = 1
    plan_queue: Annotated[
        int, About(Group.LIMITS, COUNT, "Requests that may wait for a planning process; more are answered 503.")
    ] = 64
    max_body_bytes: Annotated[
        int,
        About(
            Group.LIMITS, SIZE, "A body that is held to be planned is answered 413 over this size; others have none."
        ),
    ] = 64 << 20
    max_buffered_bytes: Annotated[
        int,
        About(Group.LIMITS, SIZE, "Bytes of all bodies held at once; a request that would pass it is answered 503."),
    ] = 256 << 20
    inline_scan_bytes: Annotated[
        int,
        About(Group.LIMITS, SIZE, "Bodies over this size are scanned in a planning process, not on the event loop."),
    ] = 1 << 20
    cache_bytes: Annotated[
        int, About(Group.LIMITS, SIZE, "Memory for decisions already made; the oldest leave first.")
    ] = 64 << 20

    connect_timeout_s: Annotated[float, About(Group.TIMES, DURATION, "To connect to the upstream, TLS included.")] = (
        10.0
    )
    first_byte_timeout_s: Annotated[
        float, About(Group.TIMES, DURATION, "From the end of the request to the first byte of the answer; then 504.")
    ] = 600.0
    idle_timeout_s: Annotated[
        float,
        About(Group.TIMES, DURATION, "Without a byte in an exchange that has begun. There is no total time limit."),
    ] = 600.0
    plan_timeout_s: Annotated[
        float, About(Group.TIMES, DURATION, "To wait for a planning process; then 503, never another decision.")
    ] = 10.0
    drain_timeout_s: Annotated[
        float, About(Group.TIMES, DURATION, "For exchanges in flight to end after SIGTERM or SIGINT.")
    ] = 30.0

    log_level: Annotated[LogLevel, About(Group.LOG, one_of(LogLevel), "From which severity on.")] = LogLevel.INFO
    log_format: Annotated[
        LogFormat, About(Group.LOG, one_of(LogFormat), "`auto` is text on a terminal and JSON elsewhere.")
    ] = LogFormat.AUTO

    def limits_of(self, key: GatewayKey) -> KeyLimits:
        """What a key may use: its own limits, and those for all keys where it has none."""
        return key.limits.over(
            KeyLimits(self.key_max_in_flight, self.key_requests_per_minute, self.key_body_bytes_per_minute)
        )

    def logs_as_text(self, *, terminal: bool) -> bool:
        """Whether log lines are text, on a stream that is a terminal or is not."""
        return self.log_format is LogFormat.TEXT or (self.log_format is LogFormat.AUTO and terminal)

    def policy(self, classifier: str, tokenizer: str) -> Policy:
        """The policy these settings make with a classifier and a tokenizer, both named with their versions."""
        return Policy(
            **{name: getattr(self, name) for name in _OF_POLICY},
            classifier=classifier,
            tokenizer=tokenizer,
        )


_OF_POLICY = tuple(field.name for field in fields(Policy) if field.name not in ("classifier", "tokenizer"))
"""What a policy takes from the settings, under the same names."""


def _table() -> tuple[Setting, ...]:
    hints = get_type_hints(Settings, include_extras=True)
    return tuple(Setting(field.name, field.default, hints[field.name].__metadata__[0]) for field in fields(Settings))


SETTINGS: tuple[Setting, ...] = _table()
