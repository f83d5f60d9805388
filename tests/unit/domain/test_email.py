"""Addresses: what is one, which two are the same, and that no text breaks the reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestibule.domain.email import EmailAddress, EmailFault, InvalidEmail, domain_of, parse_email


def key_of(text: str) -> str:
    found = parse_email(text)
    assert isinstance(found, EmailAddress), found
    return found.key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ana@corp.example", "ana@corp.example"),
        ("  Ana.Li@CORP.Example \n", "ana.li@corp.example"),
        ("o'neil+desk@corp.example", "o'neil+desk@corp.example"),
        ("ana@corp.example.", "ana@corp.example"),
        ("ana@host", "ana@host"),
        ("ana@printers.local", "ana@printers.local"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@XN--BCHER-KVA.example", "ana@xn--bcher-kva.example"),
        ("ana@corp\u3002example", "ana@corp.example"),
        ("\uff41na@corp.example", "ana@corp.example"),
        ("Groß@corp.example", "gross@corp.example"),
    ],
)
def test_spellings_of_one_address_share_a_key(text: str, key: str) -> None:
    assert key_of(text) == key


def test_the_desk_gets_lower_case_unless_folding_changes_letters() -> None:
    plain, folded = parse_email("Ana@Corp.example"), parse_email("Groß@Corp.example")
    assert isinstance(plain, EmailAddress)
    assert plain.address == "ana@corp.example"
    assert isinstance(folded, EmailAddress)
    assert folded.address == "Groß@corp.example"


def test_two_domains_that_idna_2003_confuses_stay_two() -> None:
    assert key_of("ana@straße.example") != key_of("ana@strasse.example")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", EmailFault.EMPTY),
        (" \t", EmailFault.EMPTY),
        ("ana", EmailFault.NO_AT_SIGN),
        ("@corp.example", EmailFault.LOCAL_PART),
        ("ana li@corp.example", EmailFault.LOCAL_PART),
        ("a@b@corp.example", EmailFault.LOCAL_PART),
        ("Ana <ana@corp.example>", EmailFault.LOCAL_PART),
        ("a..b@corp.example", EmailFault.LOCAL_PART),
        (".a@corp.example", EmailFault.LOCAL_PART),
        ("an\u200ba@corp.example", EmailFault.LOCAL_PART),
        ("a\x00@corp.example", EmailFault.LOCAL_PART),
        ("a" * 65 + "@corp.example", EmailFault.LOCAL_PART),
        ("ana@", EmailFault.DOMAIN),
        ("ana@.", EmailFault.DOMAIN),
        ("ana@corp..example", EmailFault.DOMAIN),
        ("ana@-corp.example", EmailFault.DOMAIN),
        ("ana@corp_example", EmailFault.DOMAIN),
        ("ana@[127.0.0.1]", EmailFault.DOMAIN),
        ("ana@" + "x" * 64 + ".example", EmailFault.DOMAIN),
        ("ana@" + "x." * 130 + "example", EmailFault.TOO_LONG),
    ],
)
def test_what_is_no_address_says_why(text: str, fault: EmailFault) -> None:
    assert parse_email(text) == InvalidEmail(fault)


def test_domain_of_a_key() -> None:
    assert domain_of("ana@corp.example") == "corp.example"
    assert domain_of("ana") == ""


@given(st.text(max_size=300) | st.from_regex(r"[^@]{1,70}@[^@]{1,70}", fullmatch=True))
def test_any_text_gives_a_value_and_a_key_is_its_own_key(text: str) -> None:
    found = parse_email(text)
    if isinstance(found, EmailAddress):
        again = parse_email(found.key)
        assert isinstance(again, EmailAddress)
        assert again.key == found.key
        assert key_of(found.address) == found.key
