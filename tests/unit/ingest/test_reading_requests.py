"""Headers, queries and paths as they really come."""

import pytest

from vestibule.domain.tokens import Credential, digest, mint
from vestibule.scim.errors import (
    InvalidFilter,
    InvalidValue,
    PreconditionFailed,
    TooManyRequests,
    Unauthorized,
    Uniqueness,
    UriTooLong,
)
from vestibule_ingest.authentication import credential_of, headers_of
from vestibule_ingest.base_urls import unfold, without_slashes
from vestibule_ingest.exchange import code_of
from vestibule_ingest.parameters import check_length, parse_query
from vestibule_ingest.preconditions import Conditions, Tags, read_conditions

TOKEN = mint(bytes(range(32)))
PATH = "abcdefghij0123456789"


def nobody(_caller: Credential) -> bool:
    """Whom the database let in lately."""
    return False


def test_path_and_token_become_a_credential() -> None:
    credential = credential_of(PATH, {b"authorization": f"Bearer {TOKEN}".encode()}, nobody)
    assert (credential.path, credential.token_hash) == (PATH, digest(TOKEN))


def test_whoever_was_let_in_lately_is_not_checked_for_misspellings() -> None:
    accepted = Credential(PATH, digest("older-form"))
    headers = {b"authorization": b"Bearer older-form"}
    assert credential_of(PATH, headers, {accepted}.__contains__) == accepted
    for path in (PATH, PATH[::-1]):
        with pytest.raises(Unauthorized):
            credential_of(path, headers, nobody if path == PATH else {accepted}.__contains__)


@pytest.mark.parametrize(
    ("path", "header"),
    [
        ("short", f"Bearer {TOKEN}"),
        (PATH.upper(), f"Bearer {TOKEN}"),
        (PATH + "\n", f"Bearer {TOKEN}"),
        (PATH, f"Bearer {TOKEN[:-1]}"),
        (PATH, f"Basic {TOKEN}"),
        (PATH, TOKEN),
        (PATH, ""),
        (PATH, "Bearer \xff"),
        (PATH, f"Bearer {TOKEN}\x85"),
        (PATH, f"Bearer \xa0{TOKEN}"),
        (PATH, f"Bearer {TOKEN}\x1c"),
    ],
)
def test_everything_else_is_a_strangers(path: str, header: str) -> None:
    with pytest.raises(Unauthorized):
        credential_of(path, {b"authorization": header.encode("latin-1")}, nobody)


def test_tags_in_several_lines_are_one_list() -> None:
    lines = [(b"if-match", b'W/"1"'), (b"accept", b"a"), (b"accept", b"b"), (b"if-match", b'"2", W/"3"')]
    headers = headers_of(lines)
    assert headers[b"accept"] == b"b"
    assert read_conditions(headers) == Conditions(match=Tags(frozenset({1, 2, 3})))


def test_two_credentials_are_none() -> None:
    one = (b"authorization", f"Bearer {TOKEN}".encode())
    assert headers_of([one, (b"x", b"1"), (b"x", b"2")])[b"authorization"] == one[1]
    for other in (one, (b"authorization", b"Bearer x")):
        with pytest.raises(Unauthorized):
            headers_of([one, (b"accept", b"*/*"), other])
        with pytest.raises(Unauthorized):
            headers_of([other, one])


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ('W/"3"', {3}),
        ('"3"', {3}),
        (' W/"1" , "2"', {1, 2}),
        ("3", set()),
        ('W/"x"', set()),
        ('w/"3"', set()),
        ('"99999999999999999999"', set()),
    ],
)
def test_tags_are_versions(text: str, versions: set[int]) -> None:
    tags = Tags(frozenset(versions))
    assert read_conditions({b"if-match": text.encode()}) == Conditions(match=tags)
    assert read_conditions({b"if-none-match": text.encode()}) == Conditions(unless=tags)


def test_a_star_is_any_version_and_no_header_no_condition() -> None:
    assert read_conditions({b"if-match": b"*", b"if-none-match": b"*"}) == Conditions(Tags(None), Tags(None))
    assert not read_conditions({}).are_there
    read_conditions({}).require(7)
    assert not read_conditions({}).spare(7)


SIX, SEVEN, ANY = Tags(frozenset({6})), Tags(frozenset({7})), Tags(None)


@pytest.mark.parametrize("match", [None, SEVEN, ANY])
def test_a_write_is_for_the_versions_that_it_names(match: Tags | None) -> None:
    Conditions(match).require(7)
    Conditions(match, SIX).require(7)
    for refused in (Conditions(SIX), Conditions(SIX, SIX), Conditions(match, SEVEN), Conditions(match, ANY)):
        assert refused.are_there
        with pytest.raises(PreconditionFailed):
            refused.require(7)


@pytest.mark.parametrize("match", [None, SEVEN, ANY])
def test_a_reader_is_spared_the_version_that_it_has(match: Tags | None) -> None:
    assert Conditions(match, SEVEN).spare(7)
    assert Conditions(match, ANY).spare(7)
    assert not Conditions(match, SIX).spare(7)
    with pytest.raises(PreconditionFailed):
        Conditions(SIX, SEVEN).spare(7)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", {}),
        (b"&", {}),
        (b"filter=a+eq+%22b%22&", {"filter": 'a eq "b"'}),
        (b"startIndex=1&STARTINDEX=2", {"startindex": "1"}),
        (b"aadOptscim062020", {"aadoptscim062020": ""}),
        (b"count=1&&x", {"count": "1", "x": ""}),
    ],
)
def test_queries_are_read_as_they_come(raw: bytes, found: dict[str, str]) -> None:
    assert parse_query(raw) == found


def test_bad_queries_are_told() -> None:
    with pytest.raises(InvalidFilter):
        parse_query(b"filter=%ff")
    with pytest.raises(InvalidFilter):
        parse_query(b"filter=\xff")
    with pytest.raises(InvalidValue):
        parse_query(b"&".join(b"a=1" for _ in range(51)))
    with pytest.raises(UriTooLong):
        check_length("/" * 5_000, b"x" * 5_000, 9_999)


@pytest.mark.parametrize(
    ("path", "query", "moved_path", "moved_query"),
    [
        ("/scim/v2/c", b"flag/Users?filter=x", "/scim/v2/c/Users", b"filter=x"),
        ("/scim/v2/c", b"flag/Users/1", "/scim/v2/c/Users/1", b""),
        ("/scim/v2/c", b"flag/Users/a%20b?", "/scim/v2/c/Users/a b", b""),
        ("/other/v2/c", b"flag/Users", "/other/v2/c", b"flag/Users"),
    ],
)
def test_a_flag_inside_the_base_url_is_put_behind(
    path: str, query: bytes, moved_path: str, moved_query: bytes
) -> None:
    scope = unfold({"path": path, "query_string": query})
    assert (scope["path"], scope["query_string"]) == (moved_path, moved_query)


@pytest.mark.parametrize(
    ("path", "tidy"),
    [
        ("/scim/v2/c//Users", "/scim/v2/c/Users"),
        ("/scim/v2/c/Users/", "/scim/v2/c/Users"),
        ("/scim/v2/c///Users/1//", "/scim/v2/c/Users/1"),
        ("/scim/v2/c/", "/scim/v2/c"),
        ("/other//v2/", "/other//v2/"),
    ],
)
def test_slashes_too_many_are_left_out(path: str, tidy: str) -> None:
    scope = without_slashes({"path": path, "query_string": b"count=1"})
    assert (scope["path"], scope["query_string"]) == (tidy, b"count=1")


def test_errors_have_codes_of_small_letters() -> None:
    assert code_of(Uniqueness("x")) == "uniqueness"
    assert code_of(InvalidFilter("x")) == "invalid_filter"
    assert code_of(TooManyRequests("x")) == "too_many_requests"
