"""A Faust agent that takes batches, acknowledges them and does nothing else."""

import os
import sys
import time
import uuid

import faust
import uvloop

server, topic_name, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
app = faust.App(
    f"noop-{uuid.uuid4().hex[:8]}",
    broker=f"kafka://{server}",
    broker_session_timeout=6.0,
    broker_heartbeat_interval=2.0,
    consumer_auto_offset_reset="earliest",
    key_serializer="raw",
    value_serializer="raw",
    stream_wait_empty=False,
    table_standby_replicas=0,
    store="memory://",
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
    datadir=f"/tmp/faust-noop-{os.getpid()}",
)
topic = app.topic(
    topic_name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
)


@app.agent(topic, concurrency=1)
async def noop(stream):
    seen, cpu, wall, first = 0, 0.0, 0.0, 0
    async for events in stream.noack_take(500, within=0.1):
        for event in events:
            event.ack()
        seen += len(events)
        if not first:
            first, cpu, wall = seen, time.process_time(), time.perf_counter()
        if seen >= wanted:
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            print(f'{{"messages": {seen - first}, "cpu": {cpu}, "wall": {wall}}}', flush=True)
            os._exit(0)


async def main():
    await app.start()
    while True:
        await app.sleep(3600)


app.finalize()
uvloop.run(main())
