"""An account's life at the desk: made, renamed, left, returned."""

from tests.integration.directory_writer.rig import Rig
from vestibule.domain.accounts import wanted_hash


async def test_a_wanted_account_is_made_with_the_intent_saved_before(rig: Rig) -> None:
    customer = await rig.customer()
    ann = await rig.want(customer, "ann@acme.example")
    await rig.settle()
    outcome, identity = await rig.outcome(ann), await rig.identity(ann)
    assert identity is not None
    made = rig.memory.state.customers[identity["desk_account_id"]]
    assert (made.email, made.display_name) == ("ann@acme.example", "Ann Example")
    assert made.id in rig.memory.state.at_desk
    assert (outcome["form"], outcome["applied_hash"]) == ("access", wanted_hash(ann.wanted))
    assert outcome["done_version"] == outcome["version"]
    assert outcome["confirmed_at"] is not None
    assert identity["state"] == "present"
