from prometheus_client import CollectorRegistry, Counter, generate_latest

from vestibule.telemetry.metrics import (
    MAXIMUM_CHILDREN,
    BacklogMetrics,
    Children,
    ConsumerMetrics,
    DeskMetrics,
    LoopMetrics,
    RelayMetrics,
    RequestMetrics,
    WorkMetrics,
    open_registry,
)


def shown(registry: CollectorRegistry) -> str:
    return generate_latest(registry).decode()


def test_all_instruments_share_one_registry_without_a_clash() -> None:
    registry = open_registry()
    for instruments in (
        BacklogMetrics,
        ConsumerMetrics,
        DeskMetrics,
        LoopMetrics,
        RelayMetrics,
        RequestMetrics,
        WorkMetrics,
    ):
        instruments(registry)
    assert "process_resident_memory_bytes" in shown(registry)


def test_two_registries_do_not_know_each_other() -> None:
    one, other = CollectorRegistry(), CollectorRegistry()
    RequestMetrics(one).answered("/scim/v2/{connection}/Users", "POST", 201, 0.004)
    RequestMetrics(other)
    line = 'vestibule_requests_total{method="POST",route="/scim/v2/{connection}/Users",status="2xx"} 1.0'
    assert line in shown(one)
    assert line not in shown(other)


def test_a_snapshot_forgets_what_is_gone() -> None:
    registry = CollectorRegistry()
    backlog = BacklogMetrics(registry)
    backlog.standings.replace([(("c1", "applied"), 5), (("c1", "held"), 1)])
    assert 'vestibule_persons{connection="c1",standing="held"} 1.0' in shown(registry)
    backlog.standings.replace([(("c1", "applied"), 6)])
    assert 'vestibule_persons{connection="c1",standing="applied"} 6.0' in shown(registry)
    assert "held" not in shown(registry)


def test_a_flood_of_label_values_is_bounded() -> None:
    registry = CollectorRegistry()
    children = Children(Counter("flood", "Flood.", ("value",), registry=registry))
    for number in range(MAXIMUM_CHILDREN + 500):
        children.of(str(number)).inc()
    assert 'flood_total{value="other"} 500.0' in shown(registry)
    assert shown(registry).count("flood_total{") == MAXIMUM_CHILDREN + 1


def test_a_round_counts_what_it_did() -> None:
    registry = CollectorRegistry()
    LoopMetrics(registry).ended("relay", "done", {"picked": 3, "swept": 0})
    assert 'vestibule_loop_rounds_total{loop="relay",result="done"} 1.0' in shown(registry)
    assert 'vestibule_loop_items_total{item="picked",loop="relay"} 3.0' in shown(registry)
    assert "swept" not in shown(registry)
