"""What /Schemas says of each attribute is how the service treats it, whatever the tables mean."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.ingest.scim_client import CORE_USER, ENTERPRISE, ScimClient, assert_error

CORE_GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
ENDPOINTS = {CORE_USER: "/Users", ENTERPRISE: "/Users", CORE_GROUP: "/Groups"}
TEXTS = frozenset({"string", "reference", "binary"})


@dataclass(frozen=True, slots=True)
class Text:
    """An attribute that takes a text, or a part of one, as /Schemas describes it."""

    urn: str
    attribute: dict[str, Any]
    part: dict[str, Any] | None = None

    @property
    def told(self) -> dict[str, Any]:
        """What is said of the text itself."""
        return self.part or self.attribute

    @property
    def name(self) -> str:
        """Its name in a filter."""
        return ".".join([self.attribute["name"], *([self.part["name"]] if self.part else [])])

    def body(self, text: str) -> dict[str, Any]:
        """A new resource that has it."""
        value: Any = text if self.part is None else {self.part["name"]: text}
        given = {self.attribute["name"]: [value] if self.attribute["multiValued"] else value}
        required = {"displayName" if self.urn == CORE_GROUP else "userName": uuid4().hex}
        return {**required, **({self.urn: given} if self.urn == ENTERPRISE else given)}


def texts_of(schemas: list[dict[str, Any]]) -> Iterator[Text]:
    """Every text that a client may write."""
    for schema in schemas:
        for attribute in schema["attributes"]:
            parts = attribute.get("subAttributes", [])
            for text in [Text(schema["id"], attribute, part) for part in parts] or [
                Text(schema["id"], attribute)
            ]:
                writable = {attribute["mutability"], text.told["mutability"]} == {"readWrite"}
                if writable and text.told["type"] in TEXTS:
                    yield text


@pytest.fixture
async def texts(scim: ScimClient) -> list[Text]:
    """What discovery tells."""
    found = list(texts_of((await scim.get("/Schemas")).body["Resources"]))
    assert {text.urn for text in found} == set(ENDPOINTS)
    return found


async def test_what_is_unique_is_refused_to_a_second_one_and_nothing_else_is(
    scim: ScimClient, texts: list[Text]
) -> None:
    for text in texts:
        value = f"Value-{uuid4().hex}"
        assert (await scim.post(ENDPOINTS[text.urn], text.body(value))).status == 201, text.name
        second = await scim.post(ENDPOINTS[text.urn], text.body(value))
        if text.told["uniqueness"] == "none":
            assert second.status == 201, text.name
        else:
            assert_error(second, 409, "uniqueness")


async def test_letter_case_matters_where_it_is_said_to(scim: ScimClient, texts: list[Text]) -> None:
    for text in texts:
        value = f"Value-{uuid4().hex}"
        made = await scim.post(ENDPOINTS[text.urn], text.body(value))
        name = f"{text.urn}:{text.name}"
        for asked, is_found in ((value, True), (value.swapcase(), not text.told["caseExact"])):
            found = await scim.found(f'{ENDPOINTS[text.urn]}?filter={name} eq "{asked}"')
            assert found == ([made.id] if is_found else []), (name, asked)
