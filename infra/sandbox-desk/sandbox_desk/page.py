"""The page at `/`: who and what is at the desk, for a person's eyes. Every text from outside is escaped."""

from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import urlencode

from sandbox_desk.directory import ATLASSIAN, SERVICE_DESKS, Customer, Directory, Organization
from sandbox_desk.exchange import HTML_TYPE, Answer, Request
from sandbox_desk.site import Site
from sandbox_desk.style import STYLE

ROWS = 50
MOST_CHIPS = 6
HEADERS = (
    HTML_TYPE,
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


def show_desk(request: Request) -> Answer:
    """GET /?q=&organization=&page=: what matches `q`, or the members of one organization."""
    query = request.query()
    wanted = query.get("q", "").strip()
    number = query.get("organization", "")
    chosen = request.site.directory.organizations.get(int(number) if number.isdecimal() else 0)
    page = int(query["page"]) if query.get("page", "").isdecimal() else 1
    html = "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox desk</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style></head><body>",
            _header(wanted),
            "<main>",
            _counts(request.site),
            '<div class="rooms">',
            _customers(request.site.directory, wanted, chosen, max(1, page)),
            _organizations(request.site.directory, wanted, chosen),
            "</div></main></body></html>",
        )
    )
    return Answer(200, html.encode(), HEADERS)


def _header(wanted: str) -> str:
    return (
        '<header><div><h1><a href="/">Sandbox desk</a></h1>'
        '<span class="quiet">a stand-in for Jira Service Management</span>'
        '<form role="search"><input type="search" name="q" aria-label="Name, address or organization"'
        f' placeholder="Name, address or organization" value="{escape(wanted)}">'
        "<button>Search</button></form></div></header>"
    )


def _counts(site: Site) -> str:
    directory = site.directory
    members = sum(len(organization.members) for organization in directory.organizations.values())
    calls = site.counters.calls.total()
    numbers = (
        ("Customers", len(directory.customers), False),
        ("Organizations", len(directory.organizations), False),
        ("Memberships", members, False),
        ("Calls answered", calls, False),
        ("Duplicate creates", directory.duplicate_creates, False),
        ("Mails caused", directory.mails, directory.mails > 0),
    )
    tiles = (
        f"<div><dt>{name}</dt><dd{' class=alarm' if alarm else ''}>{number:,}</dd></div>"
        for name, number, alarm in numbers
    )
    return f"<dl>{''.join(tiles)}</dl>"


def _customers(directory: Directory, wanted: str, chosen: Organization | None, page: int) -> str:
    low = wanted.lower()
    among = (
        directory.customers.values()
        if chosen is None
        else map(directory.customers.__getitem__, chosen.members)
    )
    found = [one for one in among if low in one.email.lower() or low in one.name.lower()]
    found.sort(key=lambda one: (one.name.lower(), one.id))
    title = "Customers"
    if chosen is not None:
        title = f'Members of {escape(chosen.name)} <a class="pill" href="/">show all</a>'
    shown = found[(page - 1) * ROWS : page * ROWS]
    rows = "".join(_customer(directory, one) for one in shown)
    head = '<th>Customer</th><th>Organizations</th><th class="state">State</th>'
    turn = _turn(wanted, chosen, page, len(found))
    return _section("customers", title, len(found), head, rows, "Nobody here.", turn)


def _customer(directory: Directory, customer: Customer) -> str:
    numbers = sorted(directory.of_customer.get(customer.id, ()))
    chips = [
        f'<a class="pill" href="/?organization={number}">{escape(directory.organizations[number].name)}</a>'
        for number in numbers[:MOST_CHIPS]
    ]
    if len(numbers) > MOST_CHIPS:
        chips.append(f'<span class="pill">{len(numbers) - MOST_CHIPS} more</span>')
    desks = [desk for desk in sorted(SERVICE_DESKS) if customer.id in directory.at_desk[desk]]
    state = (
        '<span class="pill good">active</span>'
        if customer.active
        else '<span class="pill bad">revoked</span>'
    )
    if customer.type == ATLASSIAN:
        state += '<span class="pill">Atlassian</span>'
    if customer.hidden:
        state += '<span class="pill">hidden</span>'
    state += "".join(f'<span class="pill">desk {escape(desk)}</span>' for desk in desks)
    return (
        f"<tr><td>{escape(customer.name)}<small>{escape(customer.email)}</small></td>"
        f'<td>{"".join(chips)}</td><td class="state">{state}</td></tr>'
    )


def _organizations(directory: Directory, wanted: str, chosen: Organization | None) -> str:
    low = wanted.lower()
    found = [one for one in directory.organizations.values() if low in one.name.lower()]
    found.sort(key=lambda one: (one.name.lower(), one.id))
    rows = "".join(_organization(one, one is chosen) for one in found[: 2 * ROWS])
    head = '<th>Organization</th><th class="number">Members</th>'
    more = (
        f'<nav class="quiet">The first {2 * ROWS}; search for others.</nav>' if len(found) > 2 * ROWS else ""
    )
    return _section("organizations", "Organizations", len(found), head, rows, "None here.", more)


def _organization(organization: Organization, chosen: bool) -> str:
    about = [f"#{organization.id}", *(f"desk {desk}" for desk in sorted(organization.desks))]
    if organization.scim_managed:
        about.append("managed by SCIM")
    mark = organization.properties.get("vestibule")
    if isinstance(mark, dict) and isinstance(mark.get("tenant"), str):
        about.append(f"tenant {mark['tenant']}")
    row = ' class="chosen"' if chosen else ""
    return (
        f'<tr{row}><td><a href="/?organization={organization.id}">{escape(organization.name)}</a>'
        f"<small>{escape(' · '.join(about))}</small></td>"
        f'<td class="number">{len(organization.members):,}</td></tr>'
    )


def _section(kind: str, title: str, count: int, head: str, rows: str, none: str, foot: str) -> str:
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    inside = table if rows else f'<p class="none">{none}</p>'
    above = f'<div><h2>{title}</h2><span class="quiet">{count:,}</span></div>'
    return f'<section class="{kind}">{above}{inside}{foot}</section>'


def _turn(wanted: str, chosen: Organization | None, page: int, count: int) -> str:
    """Links to the pages before and after."""
    if count <= ROWS:
        return ""
    kept = {"q": wanted} if wanted else {}
    if chosen is not None:
        kept["organization"] = str(chosen.id)
    links = []
    for name, other, there in (("Before", page - 1, page > 1), ("After", page + 1, page * ROWS < count)):
        address = escape("/?" + urlencode({**kept, "page": other}))
        links.append(f'<a href="{address}">{name}</a>' if there else "<span></span>")
    last = -(-count // ROWS)
    return f'<nav>{links[0]}<span class="quiet">page {page} of {last}</span>{links[1]}</nav>'


PAGES: Mapping[tuple[str, str], Callable[[Request], Answer]] = {("GET", "/"): show_desk}
