"""Faults at random for as long as you like: `python -m tests.end_to_end.storm --minutes 30 --seed 7`.

Every round draws some faults, does them one after the other or at once under load, lets everything settle and
judges it all. Exit code 1 at the first round that does not hold; the same seed draws the same faults again.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence

from tests.end_to_end import faults
from tests.end_to_end.customers import SHAKEN, onboard, set_up_desk
from tests.end_to_end.faults import Fault, killed, killed_holding, unplugged
from tests.end_to_end.gateway import Far, Gateway, running_gateway
from tests.end_to_end.judging import judge
from tests.end_to_end.load import push_groups, under_load
from tests.end_to_end.scene import Scene
from tests.end_to_end.tcp_proxy import Direction
from tests.end_to_end.test_desk_in_trouble import TROUBLES

REPLICATED = ("relay", "router", "writer")
FAULTS: dict[str, Fault] = {
    **{
        f"{service} killed, {far.name.lower()} {direction.name.lower()} held": killed_holding(
            service, far, direction
        )
        for service, fars in (
            ("ingest", (Far.DATABASE,)),
            ("relay", (Far.DATABASE, Far.BROKER)),
            ("router", (Far.DATABASE, Far.BROKER)),
            ("writer", (Far.DATABASE, Far.BROKER, Far.DESK)),
        )
        for far in fars
        for direction in Direction
    },
    **{f"{service} killed": killed(service) for service in ("ingest", "relay", "router", "writer", "desk")},
    "everything killed": killed("ingest", "relay", "router", "writer"),
    "wide change": faults.relay_killed_while_a_wide_change_expands,
    "desk acts late": faults.desk_acts_after_its_client_died,
    "broker killed": faults.broker_killed,
    "database stopped": faults.database_killed,
    **{f"{far.name.lower()} unplugged": unplugged(far) for far in Far},
    **{f"desk {name}": trouble for name, trouble in TROUBLES.items()},
}


async def storm(minutes: float, seed: int) -> int:
    """Rounds until the time is over; returns the exit code."""
    rng = random.Random(seed)  # noqa: S311 - to be repeatable
    ends = time.monotonic() + minutes * 60
    async with running_gateway(f"storm-{seed}") as gateway:
        await set_up_desk(gateway)
        idps = [await onboard(gateway, slug, dialect) for slug, dialect in SHAKEN.items()]
        await push_groups(idps)
        scene, number = Scene(gateway, idps), 0
        while time.monotonic() < ends:
            number += 1
            chosen = rng.choices(list(FAULTS), k=rng.randint(1, 4))
            replicas = [service for service in REPLICATED if rng.random() < 0.4]
            told = f"round {number}: {'; '.join(chosen)}; two of: {', '.join(replicas) or 'nothing'}"
            sys.stdout.write(f"{told}\n")
            sys.stdout.flush()
            try:
                await one_round(scene, chosen, replicas, rng.randrange(1_000_000))
            except (AssertionError, ExceptionGroup) as problem:
                sys.stdout.write(f"{problem}\n")
                await keep_evidence(gateway)
                return 1
        accepted, people = sum(idp.accepted for idp in idps), sum(len(idp.persons) for idp in idps)
        sys.stdout.write(f"{number} rounds hold: {accepted} changes of {people} persons, none lost\n")
    return 0


async def one_round(scene: Scene, chosen: Sequence[str], replicas: Sequence[str], seed: int) -> None:
    """The chosen faults under load, and the verdict."""
    await scene.gateway.mend()
    for service in replicas:
        await scene.gateway.add_replica(service)
    async with under_load(scene.idps, seed) as load:
        for name in chosen:
            await load.more(10)
            await FAULTS[name](scene)
        await load.more(10)
    await judge(scene.gateway, scene.idps)


async def keep_evidence(gateway: Gateway) -> None:
    """Show the ends of all logs before the gateway is gone."""
    for path in gateway.stack.logs():
        sys.stdout.write(f"--- {path.name}\n")
        sys.stdout.write(
            "".join(f"{line}\n" for line in path.read_text("utf-8", "replace").splitlines()[-15:])
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.exit(asyncio.run(storm(given.minutes, given.seed)))


if __name__ == "__main__":
    main()
