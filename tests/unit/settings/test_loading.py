import base64
from typing import Any

import pytest

from vestibule.scim.limits import Limits
from vestibule.settings.loading import InvalidSettingsError, Problem, load, load_or_exit
from vestibule.settings.services import (
    ConsoleSettings,
    IngestSettings,
    RelaySettings,
    RouterSettings,
    WriterSettings,
)
from vestibule.settings.values import Listen

KEY = base64.b64encode(bytes(range(32))).decode()
WHOLE = {
    "VESTIBULE_DATABASE_URL": "postgresql://vestibule_ingest:hunter2@127.0.0.1:5432/vestibule",
    "VESTIBULE_LISTEN": "127.0.0.1:8080",
    "VESTIBULE_AMQP_URL": "amqp://vestibule:hunter2@127.0.0.1:5672/",
    "VESTIBULE_PUBLIC_URL": "https://scim.msp.example/",
    "VESTIBULE_EMAIL_KEY": "ab" * 32,
    "VESTIBULE_UNSEALING_KEYS": f"old-1:{KEY},new-2:{KEY}",
    "VESTIBULE_SEALING_KEY": f"new-2:{KEY}",
}


def problems(settings: Any, **changed: str) -> dict[str, str]:
    with pytest.raises(InvalidSettingsError) as caught:
        load(settings, WHOLE | changed)
    return {problem.name: problem.advice for problem in caught.value.problems}


def test_a_whole_environment_is_read() -> None:
    ingest = load(IngestSettings, WHOLE)
    assert ingest.listen == Listen("127.0.0.1", 8080)
    assert ingest.public_url == "https://scim.msp.example"
    assert ingest.database_url.reveal() == WHOLE["VESTIBULE_DATABASE_URL"]
    assert (ingest.log_level, ingest.pool_size, ingest.drain_seconds, ingest.otlp_endpoint) == (
        "info",
        10,
        15.0,
        None,
    )
    assert load(RouterSettings, WHOLE).email_key.reveal() == b"\xab" * 32
    assert [key.id for key in load(WriterSettings, WHOLE).unsealing_keys] == ["old-1", "new-2"]
    assert load(ConsoleSettings, WHOLE).sealing_key.value.reveal() == bytes(range(32))


def test_each_process_has_a_name_of_its_own_by_default() -> None:
    name = load(RelaySettings, WHOLE).instance
    assert name.rpartition("-")[2].isdecimal()
    assert load(RelaySettings, WHOLE | {"VESTIBULE_INSTANCE": "relay-a"}).instance == "relay-a"


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        load(
            RouterSettings,
            {"VESTIBULE_LISTEN": "8080", "VESTIBULE_POOL_SIZE": "many", "VESTIBULE_AMQP_URL": ""},
        )
    assert {problem.name for problem in caught.value.problems} == {
        "VESTIBULE_DATABASE_URL",
        "VESTIBULE_LISTEN",
        "VESTIBULE_POOL_SIZE",
        "VESTIBULE_AMQP_URL",
        "VESTIBULE_EMAIL_KEY",
    }


def test_an_invalid_environment_is_written_to_standard_error_and_ends_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        load_or_exit(IngestSettings, WHOLE | {"VESTIBULE_LISTEN": "", "VESTIBULE_LOG_LEVEL": "loud"})
    assert caught.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "VESTIBULE_LOG_LEVEL: is no level; write one of debug, info, warning, error",
        "VESTIBULE_LISTEN: is not set; write host:port, for example 127.0.0.1:8080",
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VESTIBULE_DATABASE_URL", "mysql://role:hunter2@host/db"),
        ("VESTIBULE_DATABASE_URL", "postgresql://role:hunter2@host"),
        ("VESTIBULE_DATABASE_URL", "postgresql://host/db"),
        ("VESTIBULE_DATABASE_URL", "postgresql://role:hunter2@host:port/db"),
        ("VESTIBULE_DATABASE_URL", "postgresql://role:hunter2@[::1/db"),
        ("VESTIBULE_DATABASE_URL", "postgresql://role:hunter2 @host/db"),
        ("VESTIBULE_AMQP_URL", "http://hunter2@host"),
        ("VESTIBULE_AMQP_URL", "amqp://"),
        ("VESTIBULE_AMQP_URL", "amqp://vestibule:hunter2@host/?heartbeat=0"),
        ("VESTIBULE_LISTEN", "127.0.0.1"),
        ("VESTIBULE_LISTEN", "127.0.0.1:99999"),
        ("VESTIBULE_LISTEN", "127.0.0.1:hunter2"),
        ("VESTIBULE_LISTEN", ":8080"),
        ("VESTIBULE_LISTEN", "::1:8080"),
        ("VESTIBULE_POOL_SIZE", "0"),
        ("VESTIBULE_POOL_SIZE", "-5"),
        ("VESTIBULE_POOL_SIZE", "²"),
        ("VESTIBULE_DRAIN_SECONDS", "nan"),
        ("VESTIBULE_DRAIN_SECONDS", "-1"),
        ("VESTIBULE_DRAIN_SECONDS", "hunter2"),
        ("VESTIBULE_INSTANCE", "kim lee"),
        ("VESTIBULE_EMAIL_KEY", "hunter2"),
        ("VESTIBULE_UNSEALING_KEYS", "hunter2"),
        ("VESTIBULE_UNSEALING_KEYS", "a:hunter2"),
        ("VESTIBULE_UNSEALING_KEYS", f"a:{KEY},a:{KEY}"),
        ("VESTIBULE_UNSEALING_KEYS", f"a:{KEY},"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
    ],
)
def test_a_wrong_value_is_told_with_what_to_do_and_never_shown(name: str, text: str) -> None:
    settings = WriterSettings if name == "VESTIBULE_UNSEALING_KEYS" else RouterSettings
    told = problems(settings, **{name: text})
    assert list(told) == [name]
    assert "hunter2" not in told[name]


@pytest.mark.parametrize(
    "text",
    [
        "scim.msp.example",
        "ftp://scim.msp.example",
        "https://",
        "https://a.example/?x=1",
        "https://kim:hunter2@a.example",
    ],
)
def test_a_public_url_that_cannot_be_a_base_is_refused(text: str) -> None:
    assert list(problems(IngestSettings, VESTIBULE_PUBLIC_URL=text)) == ["VESTIBULE_PUBLIC_URL"]


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert load(IngestSettings, WHOLE | {"VESTIBULE_LISTEN": "[::1]:0"}).listen == Listen("::1", 0)


@pytest.mark.parametrize("settings", [IngestSettings, RouterSettings, WriterSettings, ConsoleSettings])
def test_secrets_are_never_printed(settings: type[IngestSettings]) -> None:
    printed = repr(load(settings, WHOLE))
    assert "hunter2" not in printed
    assert KEY not in printed
    assert "\\xab" not in printed


def test_a_problem_holds_a_name_and_an_advice() -> None:
    with pytest.raises(InvalidSettingsError) as caught:
        load(IngestSettings, WHOLE | {"VESTIBULE_POOL_SIZE": "500"})
    assert caught.value.problems == (Problem("VESTIBULE_POOL_SIZE", "must be a whole number from 1 to 200"),)


def test_limits_have_defaults_and_bounds() -> None:
    settings = load(IngestSettings, WHOLE)
    assert settings.limits == Limits()
    assert load(IngestSettings, WHOLE | {"VESTIBULE_JSON_DEPTH": "9"}).limits == Limits(json_depth=9)
    told = problems(
        IngestSettings, VESTIBULE_JSON_DEPTH="7", VESTIBULE_REQUEST_RATE="24", VESTIBULE_LISTEN="8080"
    )
    assert list(told) == ["VESTIBULE_LISTEN", "VESTIBULE_REQUEST_RATE", "VESTIBULE_JSON_DEPTH"]
    assert told["VESTIBULE_JSON_DEPTH"] == "must be a whole number from 8 to 100"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VESTIBULE_PAGE_SIZE", "201"),
        ("VESTIBULE_BODY_MEMORY", "16777215"),
        ("VESTIBULE_BULK_SECONDS", "15"),
    ],
)
def test_limits_that_contradict_each_other_are_told(name: str, text: str) -> None:
    assert list(problems(IngestSettings, **{name: text})) == [name]
