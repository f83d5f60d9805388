"""What a filter compares an attribute with: its literal, read once as the attribute's type has it.

The evaluator and the translation to SQL share this, so that both refuse the same and mean the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vestibule.scim.attributes import Attribute, Type
from vestibule.scim.dialects import is_number, read_boolean
from vestibule.scim.errors import InvalidFilter
from vestibule.scim.filters import Literal, Operator
from vestibule.scim.folding import fold
from vestibule.scim.moments import moment
from vestibule.scim.values import is_storable

PARTIAL: Final = frozenset({Operator.CO, Operator.SW, Operator.EW})
ORDERED: Final = frozenset({Operator.GT, Operator.GE, Operator.LT, Operator.LE})
_TEXTS: Final = frozenset({Type.STRING, Type.REFERENCE, Type.BINARY})
_NUMBERS: Final = frozenset({Type.INTEGER, Type.DECIMAL})
FREE: Final = Attribute("value")  # what stands in an extension that we do not know: any kind of value


@dataclass(frozen=True, slots=True)
class Comparand:
    """A literal in every form that a value may be compared in; `text` is folded unless `exact`.

    `moment` counts microseconds since 1970 in UTC.
    """

    text: str | None = None
    exact: bool = False
    truth: bool | None = None
    number: Decimal | None = None
    moment: int | None = None


def comparand(attribute: Attribute, operator: Operator, literal: Literal) -> Comparand:
    """Read a literal that is not null; InvalidFilter where attribute, operator and literal do not fit."""
    if isinstance(literal, str) and not is_storable(literal):
        raise InvalidFilter("The filter has a character that is no text: remove it.")
    if attribute is FREE:
        return _free(operator, literal)
    if attribute.type in _TEXTS:
        return _text(attribute, operator, literal)
    if attribute.type is Type.BOOLEAN:
        return _truth(attribute, operator, literal)
    if attribute.type in _NUMBERS:
        return _number(attribute, operator, literal)
    if attribute.type is Type.DATE_TIME:
        return _time(attribute, operator, literal)
    raise InvalidFilter(
        f"The filter must name one of the parts of '{attribute.name}': '{attribute.name}.part'."
    )


def refuse_null(operator: Operator) -> None:
    """Raise InvalidFilter for null with anything but `eq` and `ne`."""
    if operator not in (Operator.EQ, Operator.NE):
        raise InvalidFilter(f"The filter cannot use '{operator}' with null.")


def fulfils(value: object, operator: Operator, wanted: Comparand) -> bool:
    """Whether one simple value fulfils a comparison; one of another kind than the literal never does."""
    if isinstance(value, bool):
        return wanted.truth is not None and value is wanted.truth
    if isinstance(value, str):
        if wanted.moment is not None:
            found = moment(value)
            return found is not None and in_order(operator, found, wanted.moment)
        return wanted.text is not None and _fulfils_text(value, operator, wanted)
    if isinstance(value, int | float):
        return wanted.number is not None and in_order(operator, as_decimal(value), wanted.number)
    return False


def in_order(operator: Operator, value: Any, wanted: Any) -> bool:
    """Compare two values of one kind; `ne` is said by whoever asks, as "not eq"."""
    match operator:
        case Operator.EQ:
            return bool(value == wanted)
        case Operator.GT:
            return bool(value > wanted)
        case Operator.GE:
            return bool(value >= wanted)
        case Operator.LT:
            return bool(value < wanted)
        case Operator.LE:
            return bool(value <= wanted)
        case _:
            raise AssertionError(operator)


def is_present(value: object) -> bool:
    """Whether there is anything in it (RFC 7644 §3.4.2.2, `pr`): a text that is not empty, at any depth."""
    if isinstance(value, Mapping):
        return any(is_present(inner) for inner in value.values())
    if isinstance(value, list):
        return any(is_present(inner) for inner in value)
    return value is not None and value != ""


def as_decimal(value: float) -> Decimal:
    """A number as it is written in JSON: this is what is compared, not its nearest binary fraction."""
    return Decimal(repr(value))


def _fulfils_text(value: str, operator: Operator, wanted: Comparand) -> bool:
    text = wanted.text
    assert text is not None
    folded = value if wanted.exact else fold(value)
    match operator:
        case Operator.CO:
            return text in folded
        case Operator.SW:
            return folded.startswith(text)
        case Operator.EW:
            return folded.endswith(text)
        case _:
            return in_order(operator, folded, text)


def _free(operator: Operator, literal: Literal) -> Comparand:
    if isinstance(literal, str):
        equality = operator in (Operator.EQ, Operator.NE)
        return Comparand(text=fold(literal), truth=read_boolean(literal) if equality else None)
    if isinstance(literal, bool):
        return _truth(FREE, operator, literal)
    return _number(FREE, operator, literal)


def _text(attribute: Attribute, operator: Operator, literal: Literal) -> Comparand:
    if not isinstance(literal, str):
        raise InvalidFilter(f"The filter must compare '{attribute.name}' with a text in double quotes.")
    if attribute.type is Type.BINARY and operator in ORDERED:
        raise InvalidFilter(f"The filter cannot order the binary '{attribute.name}'.")
    exact = attribute.case_exact
    return Comparand(text=literal if exact else fold(literal), exact=exact)


def _truth(attribute: Attribute, operator: Operator, literal: Literal) -> Comparand:
    # `primary eq "True"`: a text against a boolean (Entra, app roles).
    truth = read_boolean(literal) if isinstance(literal, str) else literal
    if operator not in (Operator.EQ, Operator.NE):
        raise InvalidFilter(f"The filter cannot use '{operator}' on the boolean '{attribute.name}'.")
    if not isinstance(truth, bool):
        raise InvalidFilter(f"The filter must compare '{attribute.name}' with true or false.")
    return Comparand(truth=truth)


def _number(attribute: Attribute, operator: Operator, literal: Literal) -> Comparand:
    if operator in PARTIAL:
        raise InvalidFilter(f"The filter cannot use '{operator}' on the number '{attribute.name}'.")
    if isinstance(literal, str) and is_number(literal):
        return Comparand(number=Decimal(literal))
    if isinstance(literal, bool) or not isinstance(literal, int | float):
        raise InvalidFilter(f"The filter must compare '{attribute.name}' with a number.")
    return Comparand(number=as_decimal(literal))


def _time(attribute: Attribute, operator: Operator, literal: Literal) -> Comparand:
    found = moment(literal) if isinstance(literal, str) else None
    if operator in PARTIAL:
        raise InvalidFilter(f"The filter cannot use '{operator}' on the time '{attribute.name}'.")
    if found is None:
        raise InvalidFilter(f"The filter must compare '{attribute.name}' with an ISO 8601 time in quotes.")
    return Comparand(moment=found)
