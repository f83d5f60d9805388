"""The characteristics that a schema gives each attribute (RFC 7643 §2.2 and §7), and look-up in any case."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LONGEST_PLAIN = 200  # characters of a text that is taken at a glance


class Type(StrEnum):
    STRING = "string"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DATE_TIME = "dateTime"
    REFERENCE = "reference"
    BINARY = "binary"
    COMPLEX = "complex"


class Mutability(StrEnum):
    READ_ONLY = "readOnly"
    READ_WRITE = "readWrite"
    IMMUTABLE = "immutable"
    WRITE_ONLY = "writeOnly"


class Returned(StrEnum):
    ALWAYS = "always"
    DEFAULT = "default"
    REQUEST = "request"
    NEVER = "never"


class Uniqueness(StrEnum):
    NONE = "none"
    SERVER = "server"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute definition.

    `table` finds sub-attributes by canonical or lower-case name; `plain_texts` are the names of those that
    take any text. With `has_value` a bare value can stand for the whole (RFC 7643 §2.4). What is not `kept`
    a client cannot set (readOnly) or nobody can see again (writeOnly).
    """

    name: str
    description: str = ""
    type: Type = Type.STRING
    multi_valued: bool = False
    required: bool = False
    case_exact: bool = False
    mutability: Mutability = Mutability.READ_WRITE
    returned: Returned = Returned.DEFAULT
    uniqueness: Uniqueness = Uniqueness.NONE
    canonical_values: tuple[str, ...] = ()
    reference_types: tuple[str, ...] = ()
    sub_attributes: tuple["Attribute", ...] = ()
    longest: int | None = None  # characters; what we index must fit an index row
    table: Mapping[str, "Attribute"] = field(init=False, repr=False, compare=False)
    plain_texts: Mapping[str, int] = field(init=False, repr=False, compare=False)
    has_value: bool = field(init=False, repr=False, compare=False)
    kept: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", attribute_table(self.sub_attributes))
        object.__setattr__(self, "plain_texts", plain_texts(self.sub_attributes))
        object.__setattr__(self, "has_value", "value" in self.table)
        kept = self.mutability in (Mutability.READ_WRITE, Mutability.IMMUTABLE)
        object.__setattr__(self, "kept", kept)

    @property
    def writable(self) -> bool:
        return self.mutability is not Mutability.READ_ONLY


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema by its URN; `table` finds its attributes by canonical or lower-case name."""

    id: str
    name: str
    description: str
    attributes: tuple[Attribute, ...]
    table: Mapping[str, Attribute] = field(init=False, repr=False, compare=False)
    plain_texts: Mapping[str, int] = field(init=False, repr=False, compare=False)
    immutables: tuple[Attribute, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", attribute_table(self.attributes))
        object.__setattr__(self, "plain_texts", plain_texts(self.attributes))
        object.__setattr__(self, "immutables", immutables(self.attributes))


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A kind of resource: its endpoint, its own schema and the extensions that it may carry.

    `defined` are those of the extensions that a tenant defined, `required` the URNs of those that every
    resource must have. `table` holds the core attributes together with the common ones (RFC 7643 §3.1);
    `extension_table` finds an extension by its URN as registered or in lower case. The attributes of
    `registered` extensions are also found without their URN. Where it `holds_values`, some attribute keeps
    its first value; where it `withholds`, some attribute is in an answer only on request, or never.
    """

    name: str
    endpoint: str
    description: str
    schema: Schema
    extensions: tuple[Schema, ...]
    defined: tuple[Schema, ...] = ()
    required: frozenset[str] = frozenset()
    table: Mapping[str, Attribute] = field(init=False, repr=False, compare=False)
    plain_texts: Mapping[str, int] = field(init=False, repr=False, compare=False)
    extension_table: Mapping[str, Schema] = field(init=False, repr=False, compare=False)
    immutables: tuple[Attribute, ...] = field(init=False, repr=False, compare=False)
    registered: tuple[Schema, ...] = field(init=False, repr=False, compare=False)
    holds_values: bool = field(init=False, repr=False, compare=False)
    withholds: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", {**attribute_table(COMMON), **self.schema.table})
        object.__setattr__(self, "plain_texts", plain_texts((*COMMON, *self.schema.attributes)))
        object.__setattr__(self, "immutables", self.schema.immutables)
        named = {urn: known for known in self.extensions for urn in (known.id, known.id.lower())}
        object.__setattr__(self, "extension_table", named)
        urns = {schema.id for schema in self.defined}
        registered = tuple(schema for schema in self.extensions if schema.id not in urns)
        object.__setattr__(self, "registered", registered)
        holds = any(schema.immutables for schema in (self.schema, *self.extensions))
        object.__setattr__(self, "holds_values", holds)
        withheld = (Returned.REQUEST, Returned.NEVER)
        shown = (attribute.returned for schema in self.defined for attribute in schema.attributes)
        object.__setattr__(self, "withholds", any(returned in withheld for returned in shown))


def plain_texts(attributes: Iterable[Attribute]) -> dict[str, int]:
    """The names whose value is one text that a client may set, each with the length that needs no look."""
    return {
        attribute.name: min(attribute.longest or LONGEST_PLAIN, LONGEST_PLAIN)
        for attribute in attributes
        if attribute.type in (Type.STRING, Type.REFERENCE) and attribute.kept and not attribute.multi_valued
    }


def immutables(attributes: Iterable[Attribute]) -> tuple[Attribute, ...]:
    """Those that keep their first value."""
    return tuple(attribute for attribute in attributes if attribute.mutability is Mutability.IMMUTABLE)


def attribute_table(attributes: Iterable[Attribute]) -> dict[str, Attribute]:
    """Index attributes by name as written and in lower case: names have no case (RFC 7643 §2.1)."""
    table = {}
    for attribute in attributes:
        table[attribute.name] = table[attribute.name.lower()] = attribute
    return table


def multi_valued(
    name: str,
    description: str,
    canonical_values: tuple[str, ...] = (),
    *,
    value: Attribute,
) -> Attribute:
    """A multi-valued complex attribute with the sub-attributes that RFC 7643 §2.4 gives by default."""
    return Attribute(
        name,
        description,
        Type.COMPLEX,
        multi_valued=True,
        sub_attributes=(
            value,
            Attribute("display", "A name for people to read."),
            Attribute("type", "What the value is used for.", canonical_values=canonical_values),
            Attribute("primary", "Whether this is the preferred value; at most one is.", Type.BOOLEAN),
        ),
    )


COMMON: tuple[Attribute, ...] = (
    Attribute(
        "schemas",
        "The URNs of the schemas in use.",
        Type.REFERENCE,
        multi_valued=True,
        required=True,
        case_exact=True,
        mutability=Mutability.READ_ONLY,
        returned=Returned.ALWAYS,
        reference_types=("uri",),
    ),
    Attribute(
        "id",
        "The identifier that this service gave the resource; it never changes.",
        case_exact=True,
        mutability=Mutability.READ_ONLY,
        returned=Returned.ALWAYS,
        uniqueness=Uniqueness.SERVER,
    ),
    Attribute("externalId", "The identity provider's own identifier.", case_exact=True, longest=512),
    Attribute(
        "meta",
        "What the service knows about the resource.",
        Type.COMPLEX,
        mutability=Mutability.READ_ONLY,
        sub_attributes=(
            Attribute("resourceType", case_exact=True, mutability=Mutability.READ_ONLY),
            Attribute("created", type=Type.DATE_TIME, mutability=Mutability.READ_ONLY),
            Attribute("lastModified", type=Type.DATE_TIME, mutability=Mutability.READ_ONLY),
            Attribute("location", type=Type.REFERENCE, case_exact=True, mutability=Mutability.READ_ONLY),
            Attribute("version", case_exact=True, mutability=Mutability.READ_ONLY),
        ),
    ),
)
