"""quixstreams: nothing at all (`noop`), JSON decoded (`json`), or state kept (`groups`, `update`).

`groups`: each group of a snapshot updates its own entry of the target's state. What an entry holds
is far less than ours: a count, a mean and the newest 24 counts.
"""

import os
import sys
import tempfile
import time
import uuid

from quixstreams import Application

server, topic_name, wanted, mode = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
app = Application(
    broker_address=server,
    consumer_group=f"quix-{uuid.uuid4().hex[:8]}",
    auto_offset_reset="earliest",
    state_dir=tempfile.mkdtemp(prefix="quix-state-"),
    loglevel="ERROR",
    consumer_extra_config={"session.timeout.ms": 6000, "heartbeat.interval.ms": 2000},
)
topic = app.topic(topic_name, value_deserializer="bytes" if mode == "noop" else "json")
seen, cpu, wall = 0, 0.0, 0.0


def count(*_):
    global seen, cpu, wall
    seen += 1
    if seen == 1:
        cpu, wall = time.process_time(), time.perf_counter()
    elif seen == wanted:
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(f'{{"messages": {seen - 1}, "cpu": {cpu}, "wall": {wall}}}', flush=True)
        os._exit(0)


def moved(entry, value):
    entry = entry or {"seen": 0, "mean": 0.0, "newest": []}
    entry["seen"] += 1
    entry["mean"] += (value - entry["mean"]) / entry["seen"]
    entry["newest"] = [*entry["newest"][-23:], value]
    return entry


def groups(event, state):
    for group in event["groups"]:
        name = group["signature"]
        state.set(name, moved(state.get(name), group["count"]))
    count()


def total(event, state):
    state.set("total", moved(state.get("total"), event["total"]))
    count()


frame = app.dataframe(topic)
if mode in ("groups", "total"):
    frame = frame.update(groups if mode == "groups" else total, stateful=True)
else:
    frame = frame.update(count)
app.run()
