"""Whatever a generator thinks of: never a 500, never a partial write, and what was answered is there."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.ingest.hostile_requests import PATHS
from tests.integration.ingest.scim_client import CORE_USER, ENTERPRISE
from tests.integration.ingest.trials import JSON, Trial, as_json, read_back
from vestibule.scim.schemas import ENTERPRISE_USER, USER

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
NAMES = st.sampled_from(
    [
        *USER.table,
        *ENTERPRISE_USER.table,
        ENTERPRISE,
        CORE_USER,
        "urn:x:y:z",
        "value",
        "type",
        "primary",
        "$ref",
    ]
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=6), inner, max_size=5)
    ),
    max_leaves=12,
)
watched = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@watched
@given(body=st.dictionaries(NAMES | st.text(max_size=6), ANYTHING, max_size=6))
async def test_any_object_makes_a_whole_user_or_none(trial: Trial, body: dict[str, Any]) -> None:
    body.setdefault("userName", "any@corp.example")
    answer = await trial.send(repr(body), "POST", "/Users", data=as_json(body), headers=JSON)
    assert answer.status in (201, 400), answer
    if answer.status == 201:
        await read_back(trial, f"/Users/{answer.id}", answer)
        assert (await trial.scim.delete(f"/Users/{answer.id}")).status == 204


@watched
@given(
    asked=st.lists(
        st.fixed_dictionaries(
            {"op": st.sampled_from(["add", "Replace", "remove"])},
            optional={"path": st.sampled_from(PATHS) | NAMES, "value": ANYTHING},
        ),
        max_size=4,
    )
)
async def test_any_operations_change_a_user_whole_or_not_at_all(trial: Trial, asked: list[Any]) -> None:
    found = await trial.scim.found('/Users?filter=userName eq "target@corp.example"')
    identifier = found[0] if found else (await trial.scim.create_user("target@corp.example"))
    data = as_json({"Operations": asked})
    answer = await trial.send(repr(asked), "PATCH", f"/Users/{identifier}", data=data, headers=JSON)
    assert answer.status in (200, 400), answer
    if answer.status == 200:
        await read_back(trial, f"/Users/{identifier}", answer)


@watched
@given(raw=st.binary(max_size=200))
async def test_any_bytes_are_answered(trial: Trial, raw: bytes) -> None:
    body = b'{"userName": "bytes@corp.example", "title": "' + raw + b'"}'
    answer = await trial.send(repr(raw), "POST", "/Users", data=body, headers=JSON)
    assert answer.status in (201, 400), answer
    if answer.status == 201:
        assert (await trial.scim.delete(f"/Users/{answer.id}")).status == 204
